/** Which addresses are this machine's own, and so which backends are a listener of the same proxy. */
import { type BigIntStats, statSync } from 'node:fs';
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';
import { now } from '../timers.js';
import type { Address, ListenAddress } from './address.js';
import { formatAddress } from './address.js';

/** IP addresses of this machine's interfaces, in their one spelling. */
export type OwnAddresses = () => ReadonlySet<string>;

/** How long the addresses count as known: whoever compares one with them compares many. */
const KNOWN_FOR_MS = 1000;

let known: { readonly addresses: ReadonlySet<string>; readonly until: number } | undefined;

const ofInterfaces: OwnAddresses = () => {
  if (known === undefined || now() >= known.until) {
    known = { addresses: askInterfaces(), until: now() + KNOWN_FOR_MS };
  }
  return known.addresses;
};

const askInterfaces: OwnAddresses = () =>
  new Set(
    Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
      list.flatMap(({ address, scopeid }) =>
        isLinkLocal(address)
          ? [name, scopeid].map((zone) => spelt(`${address}%${zone}`))
          : [spelt(address)],
      ),
    ),
  );

/**
 * Whether connecting to one address certainly arrives at a listener on the other. Names are not resolved, but for
 * `localhost`; give what they resolve to.
 */
export function isReachedBy(
  listener: ListenAddress,
  to: Address,
  ownAddresses: OwnAddresses = ofInterfaces,
): boolean {
  // Where an inherited socket is bound is known when it is opened, and asked again then.
  if (listener.kind === 'fd') return false;
  if (formatAddress(listener) === formatAddress(to)) return true;
  if (listener.kind === 'unix') return to.kind === 'unix' && isSameFile(listener.path, to.path);
  if (to.kind === 'unix') return false;
  if (listener.port !== to.port || listener.port === 0) return false;
  const isForAll = listener.host === '' || listener.host === '::';
  if (to.host === 'localhost') return isForAll || listener.host === '0.0.0.0';
  const host = spelt(to.host);
  if (!isForAll && listener.host !== '0.0.0.0') return host === spelt(listener.host);
  // A listener for all addresses of IPv6 takes those of IPv4 as well.
  if (!isForAll && !isIPv4(host)) return false;
  return isLoopback(host) || ownAddresses().has(host);
}

/** Whether nobody but this machine can connect to it. */
export const isLoopback = (ip: string) => ip === '::1' || (isIPv4(ip) && ip.startsWith('127.'));

/** What one machine has on one interface, another may have on another: such an address is one with its zone alone. */
const isLinkLocal = (ip: string) => /^fe[89ab]/i.test(ip);

/** One spelling for each address that a connect may be given. The one of none is this machine's. */
function spelt(host: string): string {
  const [ip = '', zone] = host.split('%', 2);
  if (isIPv6(ip)) {
    const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
    if (mapped !== undefined && zone === undefined) return spelt(mapped);
    if (isLinkLocal(address) && zone !== undefined) return `${address}%${zone}`;
    return address === '::' ? '::1' : address;
  }
  return ip === '0.0.0.0' ? '127.0.0.1' : ip;
}

/** Two paths of one socket, as through a symbolic link. */
function isSameFile(one: string, other: string): boolean {
  const [first, second] = [one, other].map(fileAt);
  return (
    first !== undefined &&
    second !== undefined &&
    first.dev === second.dev &&
    first.ino === second.ino
  );
}

/** @returns nothing where it cannot be reached, for whatever reason: connecting will tell */
function fileAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}
