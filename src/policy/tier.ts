import type { Entry } from './plan.js';

/** Of so many backends the least loaded is found by a look at each; of more, among some that are drawn at random. */
export const EXACT_MAX = 256;
/** How many places are drawn for that. */
const PLACES_DRAWN = 8;
/** For two backends, so many places are drawn at most: some are of one that is not free, or of the same. */
export const DRAWS_MAX = 16;

/** One client, at the moment of a pick. Numbers of backends are those of the cycle. */
export interface Entering {
  readonly entry: Entry;
  /** Whether no other pick was made for the client. */
  readonly isFirst: boolean;
  /** As `clientHash`. */
  readonly hash: number | undefined;
  /** Whether it may be sent there. */
  isFree(backend: number): boolean;
  openAt(backend: number): number;
}

/** Backends of one priority: a cycle that clients enter somewhere, and walk until they meet one that is free. */
export class Tier {
  readonly #cycle: Uint16Array;
  /** Each once. */
  readonly #members: readonly number[];
  /** By backend: how often the cycle has it. */
  readonly #weights: Uint32Array;
  readonly #random: () => number;
  /** Where the next client has its turn. */
  #turn: number;
  /**
   * The same for those whose turn was that of a backend that is not free. Turns of their own spread them over the others
   * by weight, where whoever comes next in the cycle would get all of them, and leave first picks in their order.
   */
  #again: number;

  /**
   * @param turn where it begins, as a part of a round
   * @param random a number from 0 up to 1, which it does not reach
   */
  constructor(cycle: Uint16Array, turn: number, random: () => number) {
    this.#cycle = cycle;
    this.#random = random;
    this.#turn = Math.floor(turn * cycle.length) % cycle.length;
    this.#again = this.#turn;
    const highest = cycle.reduce((most, backend) => Math.max(most, backend), 0);
    this.#weights = new Uint32Array(highest + 1);
    for (const backend of cycle) this.#weights[backend] = this.#weightOf(backend) + 1;
    this.#members = [...this.#weights.keys()].filter((backend) => this.#weightOf(backend) > 0);
  }

  /** How far it has come, as a part of a round. */
  get turn(): number {
    return this.#turn / this.#cycle.length;
  }

  /** @returns the backend; `undefined` when none is free */
  enter(client: Entering): number | undefined {
    if (!this.#members.some((backend) => client.isFree(backend))) return undefined;
    return this.#cycle[this.#walk(this.#entry(client), client.isFree)];
  }

  #entry(client: Entering): number {
    switch (client.entry) {
      case 'turn':
        return this.#takeTurn(client);
      case 'first':
        return 0;
      case 'hash':
        if (client.hash === undefined) return this.#takeTurn(client);
        return client.hash % this.#cycle.length;
      case 'least':
        return this.#members.length > EXACT_MAX ? this.#leastDrawn(client) : this.#least(client);
      case 'random':
        return this.#betterOfTwo(client);
    }
  }

  #takeTurn({ isFirst, isFree }: Entering): number {
    if (isFirst) {
      const position = this.#nextTurn();
      if (isFree(this.#at(position))) return position;
    }
    const position = this.#walk(this.#again, isFree);
    this.#again = this.#after(position);
    return position;
  }

  /** Of equals the one that comes first from the turn on, so that an idle pool takes turns. */
  #least(client: Entering): number {
    const load = (backend: number) => this.#loadWithOneMore(backend, client);
    const free = this.#members.filter((backend) => client.isFree(backend));
    const least = free.reduce((best, backend) => Math.min(best, load(backend)), Infinity);
    const isBest = (backend: number) => client.isFree(backend) && load(backend) === least;
    return this.#walk(this.#nextTurn(), isBest);
  }

  #leastDrawn(client: Entering): number {
    const load = (position: number) => this.#loadWithOneMore(this.#at(position), client);
    const drawn = Array.from({ length: PLACES_DRAWN }, () => this.#draw());
    const free = drawn.filter((position) => client.isFree(this.#at(position)));
    const [one = this.#nextTurn(), ...others] = free;
    return others.reduce((best, other) => (load(other) < load(best) ? other : best), one);
  }

  #betterOfTwo(client: Entering): number {
    const load = (backend: number) => client.openAt(backend) / this.#weightOf(backend);
    let one: number | undefined;
    let position = 0;
    for (let draw = 0; draw < DRAWS_MAX; draw++) {
      position = this.#draw();
      const backend = this.#at(position);
      if (!client.isFree(backend)) continue;
      if (one === undefined) one = position;
      else if (backend !== this.#at(one))
        return load(backend) < load(this.#at(one)) ? position : one;
    }
    return one ?? position;
  }

  /** A place of the cycle, so that each backend is drawn by its weight. */
  #draw(): number {
    return Math.floor(this.#random() * this.#cycle.length);
  }

  /** The first position whose backend is wanted, from one on: there has to be one. */
  #walk(from: number, isWanted: (backend: number) => boolean): number {
    let position = from;
    while (!isWanted(this.#at(position))) position = this.#after(position);
    return position;
  }

  #nextTurn(): number {
    const position = this.#turn;
    this.#turn = this.#after(position);
    return position;
  }

  #after(position: number): number {
    return position + 1 < this.#cycle.length ? position + 1 : 0;
  }

  #at(position: number): number {
    return this.#cycle[position] as number;
  }

  #weightOf(backend: number): number {
    return this.#weights[backend] as number;
  }

  #loadWithOneMore(backend: number, { openAt }: Entering): number {
    return (openAt(backend) + 1) / this.#weightOf(backend);
  }
}
