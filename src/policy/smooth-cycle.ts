import type { Placed } from './candidate.js';
import { SmoothOrder } from './smooth-order.js';

/** Entries of a cycle at most. */
const CYCLE_MAX = 65_536;

/**
 * Each backend as often as its weight says, spread out over the cycle: weights 5:1:1 make a a b a c a a, and not five in a
 * row. `SmoothOrder` says how.
 *
 * @returns places in `backends`
 */
export function smoothCycle(backends: readonly Pick<Placed, 'weight'>[]): Uint16Array {
  const order = new SmoothOrder(shortened(backends.map(({ weight }) => weight)));
  return Uint16Array.from({ length: order.length }, () => order.next());
}

/**
 * The same shares in the smallest numbers. Where even those make a cycle too long they are scaled down and rounded,
 * each to 1 at least.
 */
function shortened(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  const exact = weights.map((weight) => weight / divisor);
  const total = sumOf(exact);
  if (total <= CYCLE_MAX) return exact;
  // Room for each that is rounded up to 1.
  const scale = (CYCLE_MAX - weights.length) / total;
  return exact.map((weight) => Math.max(1, Math.floor(weight * scale)));
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
