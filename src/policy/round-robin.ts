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
  /** First picks, once round. */
  readonly #cycle: Uint16Array;
  /** Where the next first pick is in the cycle. */
  #position: number;
  readonly #retryCredits: number[];

  /**
   * @param weights whole numbers above 0, one a backend
   * @param turn where the one before had come to. Else of backends that change often the first would be met most
   */
  constructor(weights: readonly number[], turn = 0) {
    this.#weights = shortened(weights);
    const order = new SmoothOrder(this.#weights);
    this.#cycle = Uint16Array.from({ length: order.length }, () => order.next());
    this.#position = Math.floor(turn * this.#cycle.length) % this.#cycle.length;
    this.#retryCredits = weights.map(() => 0);
  }

  get turn(): number {
    return this.#position / this.#cycle.length;
  }

  pick(tried: ReadonlySet<number>): number | undefined {
    if (tried.size > 0) return this.#pickAgain(tried);
    const index = this.#cycle[this.#position];
    this.#position = (this.#position + 1) % this.#cycle.length;
    return index;
  }

  cycle(): Uint16Array {
    return this.#cycle;
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
