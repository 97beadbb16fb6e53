/** Where a client is in a table of `source-hash`. */
import { isIPv4, isIPv6 } from 'node:net';
import type { ClientAddress } from '../model/client-address.js';
import type { HashKey } from './plan.js';
import { xxhash32 } from './xxhash32.js';

/**
 * The hash of what of a client counts: its address without the bits behind the prefix, 4 bytes or 16, and where the port
 * counts as well its 2 bytes, in the order of the network. An IPv4 address in the form of IPv6 is the IPv4 address.
 *
 * @returns a whole number of 32 bits; `undefined` for a client that has no IP address
 */
export function clientHash(client: ClientAddress, key: HashKey): number | undefined {
  const address = addressBytes(client.address);
  if (address === undefined) return undefined;
  mask(address, address.length === 4 ? key.ipv4Prefix : key.ipv6Prefix);
  const port = key.withPort ? [client.port >> 8, client.port & 0xff] : [];
  return xxhash32(Uint8Array.of(...address, ...port));
}

function mask(bytes: number[], prefix: number): void {
  for (const [index, byte] of bytes.entries()) {
    const bits = Math.min(Math.max(prefix - 8 * index, 0), 8);
    bytes[index] = byte & (0xff << (8 - bits));
  }
}

/** The bytes of an IP address, which may have a zone. */
function addressBytes(text: string): number[] | undefined {
  if (isIPv4(text)) return text.split('.').map(Number);
  if (!isIPv6(text)) return undefined;
  const [address = ''] = text.split('%', 1);
  const [head = '', tail] = address.split('::');
  const [before, behind] = [bytesOf(head), bytesOf(tail ?? '')];
  const zeros = Array<number>(16 - before.length - behind.length).fill(0);
  const bytes = [...before, ...zeros, ...behind];
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  return isMapped && bytes[11] === 0xff ? bytes.slice(12) : bytes;
}

/** Of groups of IPv6, the last of which may be written as IPv4. */
function bytesOf(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
