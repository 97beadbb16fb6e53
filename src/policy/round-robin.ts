import type { Policy } from './policy.js';
import { SmoothOrder } from './smooth-order.js';

/** Entries of a published cycle at most. */
const CYCLE_MAX = 65_536;

/**
 * Smooth weighted round-robin: each backend gets its share, spread out over the cycle. Weights 5:1:1
 * serve a a b a c a a, and not five in a row. `SmoothOrder` says how.
 *
 * Retries have credits of their own. A backend that is down would otherwise shift the credits of those
 * that stand in for it, and with them the order of first picks; so first picks follow the same
 * cycle whatever fails, and the sessions of a failed backend are spread over the others by weight.
 */
export class RoundRobin implements Policy {
  readonly #weights: readonly number[];
  readonly #firsts: SmoothOrder;
  readonly #retryCredits: number[];

  /** @param weights whole numbers above 0, one a backend */
  constructor(weights: readonly number[]) {
    this.#weights = shortened(weights);
    this.#firsts = new SmoothOrder(this.#weights);
    this.#retryCredits = weights.map(() => 0);
  }

  pick(tried: ReadonlySet<number>): number | undefined {
    return tried.size === 0 ? this.#firsts.next() : this.#pickAgain(tried);
  }

  /** The order of first picks, once round. */
  cycle(): Uint16Array {
    const order = new SmoothOrder(this.#weights);
    return Uint16Array.from({ length: order.length }, () => order.next());
  }

  /** The algorithm of `SmoothOrder`, over those that are left. */
  #pickAgain(tried: ReadonlySet<number>): number | undefined {
    const credits = this.#retryCredits;
    let total = 0;
    let best: number | undefined;
    let bestCredit = Number.NEGATIVE_INFINITY;
    for (const [index, weight] of this.#weights.entries()) {
      if (tried.has(index)) continue;
      const credit = (credits[index] ?? 0) + weight;
      credits[index] = credit;
      total += weight;
      // Strictly more: of equals, the first in the order of the pool.
      if (credit > bestCredit) {
        best = index;
        bestCredit = credit;
      }
    }
    if (best !== undefined) credits[best] = bestCredit - total;
    return best;
  }
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
