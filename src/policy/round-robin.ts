import type { Policy } from './policy.js';

/**
 * Smooth weighted round-robin: each backend gets its share, spread out over the cycle. Weights 5:1:1
 * serve a a b a c a a, and not five in a row.
 *
 * The algorithm is the one of nginx (`ngx_http_upstream_get_peer` in its
 * `src/http/ngx_http_upstream_round_robin.c`; described in the message of its commit "Upstream: smooth
 * weighted round-robin balancing", 2012): at each pick every backend earns its weight in credit, and
 * the one with the most credit is picked and pays the sum of all weights. Credits always add up to
 * zero, so they stay small.
 *
 * Retries have credits of their own. A backend that is down would otherwise shift the credits of those
 * that stand in for it, and with them the order of first picks; so first picks follow the same
 * cycle whatever fails, and the sessions of a failed backend are spread over the others by weight.
 */
export class RoundRobin implements Policy {
  readonly #weights: readonly number[];
  readonly #credits: number[];
  readonly #retryCredits: number[];

  /** @param weights whole numbers above 0, one a backend */
  constructor(weights: readonly number[]) {
    this.#weights = weights;
    this.#credits = weights.map(() => 0);
    this.#retryCredits = weights.map(() => 0);
  }

  pick(tried: ReadonlySet<number>): number | undefined {
    const credits = tried.size === 0 ? this.#credits : this.#retryCredits;
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
