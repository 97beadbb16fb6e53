/** Addresses of this machine that connections to backends come from. */
import { isIP, SocketAddress } from 'node:net';
import { SplicewayError } from '../errors/catalogue.js';
import type * as z from '../vendor/zod.js';
import { parsedBy, show } from './values.js';

/** `Sources::kMost` in native/core/select/sources.h. */
export const SOURCES_MAX = 64;

const FORM = 'write one address as 192.0.2.1 or 2001:db8::1, or a list of them';

/**
 * Parses source addresses.
 *
 * @param input an IPv4 or IPv6 address without port, zone or brackets, or a list of 1 to 64 of them; none is 0.0.0.0 or ::, nor IPv4
 *   written as IPv6
 * @returns in the order in which they are given, IPv6 in its one spelling
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`
 */
function parseFrom(input: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0 || list.length > SOURCES_MAX) {
    throw invalid(`there are ${list.length} source addresses; give 1 to ${SOURCES_MAX}`);
  }
  const addresses = list.map(parseOne);
  const twice = addresses.find((address, index) => addresses.indexOf(address) !== index);
  if (twice !== undefined) throw invalid(`the source address ${twice} is there twice; remove one`);
  return addresses;
}

function parseOne(input: unknown): string {
  const version = typeof input === 'string' ? isIP(input) : 0;
  if (typeof input !== 'string' || version === 0 || input.includes('%')) {
    throw invalid(`${show(input)} is not a source address; ${FORM}`);
  }
  const address =
    version === 4 ? input : new SocketAddress({ address: input, family: 'ipv6' }).address;
  if (address === '0.0.0.0' || address === '::') {
    throw invalid(
      `${show(input)} is no address of one machine; leave it out to have the kernel pick one`,
    );
  }
  if (/^::ffff:\d+\./.test(address)) {
    throw invalid(
      `${show(input)} is an IPv4 address; write it as ${address.slice('::ffff:'.length)}`,
    );
  }
  return address;
}

const invalid = (message: string) => new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);

const one = { type: 'string', minLength: 2 };

export const from = parsedBy(parseFrom).meta({
  anyOf: [
    one,
    { type: 'array', items: one, minItems: 1, maxItems: SOURCES_MAX, uniqueItems: true },
  ],
}) satisfies z.ZodType<readonly string[]>;
