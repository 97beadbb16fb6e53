/** How `source-hash` tells clients apart: as people write it, and as it is validated. */
import { SplicewayError } from '../errors/catalogue.js';
import type { HashKey } from '../policy/plan.js';
import type * as z from '../vendor/zod.js';
import { parsedBy, show } from './values.js';

const IPV4_BITS = 32;
const IPV6_BITS = 128;
/** What one site has, as a rule. A host in it has as many addresses as it likes. */
const IPV6_PREFIX = 64;

const whole = { ipv4Prefix: IPV4_BITS, ipv6Prefix: IPV6_BITS };
const hashKeyNames: Readonly<Record<string, HashKey>> = {
  address: { ...whole, withPort: false },
  'address-and-port': { ...whole, withPort: true },
};

/** A prefix of IPv4, or one of each; without zeros before a number. */
const HASH_KEY_PATTERN = `^(?:${[
  ...Object.keys(hashKeyNames),
  '/(?:[1-9]|[12][0-9]|3[0-2])(?:,/(?:[1-9][0-9]?|1[01][0-9]|12[0-8]))?',
].join('|')})$`;

export const HASH_KEY_FORM = 'address, address-and-port, /24, or /24,/56 for IPv4 and IPv6';

/**
 * Parses what of a client counts.
 *
 * @param input `address`, `address-and-port`, `/24`, or `/24,/56`; a lone prefix is that of IPv4, and IPv6 has /64
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`
 */
function parseHashKey(input: unknown): HashKey {
  if (typeof input === 'string' && new RegExp(HASH_KEY_PATTERN).test(input)) {
    const named = hashKeyNames[input];
    if (named !== undefined) return named;
    const [ipv4Prefix = IPV4_BITS, ipv6Prefix = IPV6_PREFIX] = input
      .split(',')
      .map((prefix) => Number(prefix.slice(1)));
    return { ipv4Prefix, ipv6Prefix, withPort: false };
  }
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    `${show(input)} is not what clients can be told apart by; write ${HASH_KEY_FORM}`,
  );
}

export const hashKey = parsedBy(parseHashKey).meta({
  type: 'string',
  pattern: HASH_KEY_PATTERN,
  patternErrorMessage: `write ${HASH_KEY_FORM}`,
}) satisfies z.ZodType<HashKey>;

/** The text that is read back as the same key. */
export function formatHashKey({ ipv4Prefix, ipv6Prefix, withPort }: HashKey): string {
  if (withPort) return 'address-and-port';
  const isWhole = ipv4Prefix === IPV4_BITS && ipv6Prefix === IPV6_BITS;
  return isWhole ? 'address' : `/${ipv4Prefix},/${ipv6Prefix}`;
}
