/** Nobody: the winner of a match between two empty places. */
const NOBODY = -1;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * The order of smooth weighted round-robin, one pick after the other. The algorithm is the one of nginx
 * (`ngx_http_upstream_get_peer` in its `src/http/ngx_http_upstream_round_robin.c`; described in the message of its
 * commit "Upstream: smooth weighted round-robin balancing", 2012): at each pick every backend earns its weight in
 * credit, and the one with the most credit is picked and pays the sum of all weights. Of equals, the first is picked.
 *
 * A look at all of them for each pick is O(n), so two things are used here. Backends of one weight take turns, and only
 * the one whose turn it is can be the next. And a credit grows by the same amount at each pick, so whoever leads does
 * so until a time that can be computed: that is a kinetic tournament (J. Basch, L. Guibas and J. Hershberger, "Data
 * structures for mobile data", 1997), in which a match is played again when its loser overtakes, or when one of the two
 * has paid. A pick costs O(log n), and now and then an overtaking.
 */
export class SmoothOrder {
  /** Picks after which the order repeats: the sum of the weights. */
  readonly length: number;
  /** The weights that there are, and for each the indexes of its backends, who take turns. */
  readonly #weights: Float64Array;
  readonly #members: readonly (readonly number[])[];
  /** Of each weight: whose turn it is, at what place among the members, and the rounds since the credits were all zero. */
  readonly #heads: Uint32Array;
  readonly #turns: Uint32Array;
  readonly #rounds: Uint32Array;
  /** A power of two. Matches are numbered as in a heap: 1 is the final, and the first of the places follows the last match. */
  readonly #places: number;
  readonly #winners: Int32Array;
  /** Of each match: the first pick for which its result, or one below it, may be another. */
  readonly #holdsUntil: Float64Array;
  /** Picks since the credits were all zero. */
  #time = 0;
  #matches = 0;

  /** @param weights whole numbers above 0, one a backend, 65,536 in all at most */
  constructor(weights: readonly number[]) {
    const members = new Map<number, number[]>();
    for (const [index, weight] of weights.entries()) {
      const equals = members.get(weight);
      if (equals === undefined) members.set(weight, [index]);
      else equals.push(index);
    }
    this.length = weights.reduce((sum, weight) => sum + weight, 0);
    this.#weights = Float64Array.from(members.keys());
    this.#members = [...members.values()];
    this.#heads = new Uint32Array(members.size);
    this.#turns = new Uint32Array(members.size);
    this.#rounds = new Uint32Array(members.size);
    this.#places = 2 ** Math.ceil(Math.log2(members.size));
    this.#winners = new Int32Array(2 * this.#places).fill(NOBODY);
    this.#holdsUntil = new Float64Array(2 * this.#places).fill(NEVER);
    for (const which of this.#weights.keys()) this.#winners[this.#places + which] = which;
    this.#begin();
  }

  /** Matches played so far: what it has cost. */
  get matches(): number {
    return this.#matches;
  }

  /** The index of the next one. */
  next(): number {
    // Once round, every one has paid what it has earned.
    if (this.#time === this.length) this.#begin();
    this.#time += 1;
    this.#refresh(1);
    const best = this.#winners[1] as number;
    const index = this.#heads[best] as number;
    this.#endTurn(best);
    for (let match = (this.#places + best) >> 1; match >= 1; match >>= 1) this.#play(match);
    return index;
  }

  #begin(): void {
    this.#time = 0;
    for (const [which, [first = 0]] of this.#members.entries()) this.#heads[which] = first;
    this.#turns.fill(0);
    this.#rounds.fill(0);
    for (let match = this.#places - 1; match >= 1; match--) this.#play(match);
  }

  #endTurn(which: number): void {
    const members = this.#members[which] as readonly number[];
    const next = ((this.#turns[which] as number) + 1) % members.length;
    this.#turns[which] = next;
    if (next === 0) this.#rounds[which] = (this.#rounds[which] as number) + 1;
    this.#heads[which] = members[next] as number;
  }

  #refresh(match: number): void {
    if ((this.#holdsUntil[match] as number) > this.#time) return;
    this.#refresh(2 * match);
    this.#refresh(2 * match + 1);
    this.#play(match);
  }

  #play(match: number): void {
    this.#matches += 1;
    const one = this.#winners[2 * match] as number;
    const other = this.#winners[2 * match + 1] as number;
    const holdsUntil = Math.min(
      this.#holdsUntil[2 * match] as number,
      this.#holdsUntil[2 * match + 1] as number,
    );
    if (other === NOBODY) {
      this.#winners[match] = one;
      this.#holdsUntil[match] = holdsUntil;
      return;
    }
    const lead = this.#credit(one) - this.#credit(other);
    const isBefore = (this.#heads[one] as number) < (this.#heads[other] as number);
    const oneWins = lead > 0 || (lead === 0 && isBefore);
    this.#winners[match] = oneWins ? one : other;
    // The loser overtakes with a larger weight only: with more credit, or as much where it comes first.
    const gain =
      ((this.#weights[other] as number) - (this.#weights[one] as number)) * (oneWins ? 1 : -1);
    const needed = Math.abs(lead) / gain;
    const overtakes = isBefore === oneWins ? Math.floor(needed) + 1 : Math.ceil(needed);
    this.#holdsUntil[match] = gain > 0 ? Math.min(holdsUntil, this.#time + overtakes) : holdsUntil;
  }

  #credit(which: number): number {
    return (
      this.#time * (this.#weights[which] as number) - (this.#rounds[which] as number) * this.length
    );
  }
}
