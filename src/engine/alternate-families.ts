import type { ResolvedAddress } from '../model/address.js';

/**
 * The families of IP take turns, that of the first address first, while each keeps its own order: RFC 8305, section 4.
 * So whoever waits for one address in vain has one of the other family next.
 */
export function alternateFamilies(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const isLikeFirst = (address: ResolvedAddress) => familyOf(address) === familyOf(addresses[0]);
  const own = addresses.filter(isLikeFirst);
  const other = addresses.filter((address) => !isLikeFirst(address));
  const turns = Math.max(own.length, other.length);
  return Array.from({ length: turns }, (_, turn) => [own[turn], other[turn]])
    .flat()
    .filter((address) => address !== undefined);
}

function familyOf(address: ResolvedAddress | undefined): 4 | 6 | undefined {
  return address?.kind === 'tcp' ? address.family : undefined;
}
