import type { ResolvedAddress } from '../engine/engine.js';

/**
 * The order in which the addresses of a backend are tried: where there are two families, the first of the other one
 * comes second, and then the very first again. The engine gives what is listed twice a moment only at first, so a
 * family whose packets vanish costs that moment. RFC 8305, section 5, has both race instead, which takes two descriptors.
 */
export function attemptOrder(addresses: readonly ResolvedAddress[]): readonly ResolvedAddress[] {
  const [first] = addresses;
  if (first?.kind !== 'tcp') return addresses;
  const other = addresses.find((to) => to.kind === 'tcp' && to.family !== first.family);
  if (other === undefined) return addresses;
  return [first, other, ...addresses.filter((to) => to !== other)];
}
