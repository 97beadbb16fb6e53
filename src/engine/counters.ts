/**
 * Counters that live in one flat array of unsigned 64-bit integers, so that the native loops can
 * write them while JavaScript reads them: no call, no message, no lock.
 *
 * Layout (the native side has the same constants in native/core/stats/counters.h): one block a writer (each
 * native loop, and last the one JavaScript thread), in it one row a listener and then one row a backend, in
 * it the counters below, padded to a cache line.
 */

import { type EndFigures, EndReader } from './ends.js';

/** 64 bytes a row: rows of two writers never share a cache line. */
export const ROW_WORDS = 8;

/** Position of each counter in its row: the order of `CounterRow` in the native layout. */
export const Counter = {
  /** Sessions that began: accepted by the listener, or connected to the backend. */
  opened: 0,
  /** Sessions alive now. */
  open: 1,
  /** Listener: sessions that found no backend. Backend: clients that it failed, at all of its addresses. */
  failed: 2,
  bytesUpstream: 3,
  bytesDownstream: 4,
  /** Listener: clients that had as many sessions as one may, or were denied. Backend: those that it had no room for. */
  rejected: 5,
  /** Listener: sessions that went on before JavaScript, which watched, had heard of them. */
  unheard: 6,
  /** Sessions that were ended so that their clients come back to a backend that has fewer. */
  rebalanced: 7,
} as const;

export type CounterName = keyof typeof Counter;

/** Of each listener and each backend; the others are read alone. */
type FigureName = Exclude<CounterName, 'unheard'>;
/** The figures of one row, summed over all writers. */
export type CounterRow = Readonly<Record<FigureName, number>>;

const { unheard: UNHEARD, ...figures } = Counter;
const positions = Object.entries(figures) as readonly [FigureName, number][];
const zeros = Object.fromEntries(positions.map(([name]) => [name, 0])) as CounterRow;

/** The figures of an engine: live, by row. */
export interface Counters {
  listener(index: number): CounterRow;
  backend(index: number): CounterRow;
  /** Of one listener. */
  unheard(index: number): number;
  /** How the sessions of one listener have ended. */
  ends(index: number): EndFigures;
}

/** Reads counters that native loops write; see the layout above. */
export class CounterReader implements Counters {
  readonly #words: BigUint64Array;
  readonly #listeners: number;
  readonly #rows: number;
  readonly #ends: EndReader;

  /**
   * @param words `writers × (listeners + backends) × ROW_WORDS` words
   * @param ends see `EndReader`
   */
  constructor(words: BigUint64Array, listeners: number, backends: number, ends: BigUint64Array) {
    this.#ends = new EndReader(ends, listeners);
    this.#words = words;
    this.#listeners = listeners;
    this.#rows = listeners + backends;
  }

  listener(index: number): CounterRow {
    return this.#row(index);
  }

  backend(index: number): CounterRow {
    return this.#row(this.#listeners + index);
  }

  unheard(index: number): number {
    return this.#sum(index * ROW_WORDS + UNHEARD);
  }

  ends(index: number): EndFigures {
    return this.#ends.listener(index);
  }

  #row(row: number): CounterRow {
    const first = row * ROW_WORDS;
    // A copy of what has every name: to add them one by one takes longer than to read the words.
    const sums: Record<FigureName, number> = { ...zeros };
    for (const [name, position] of positions) sums[name] = this.#sum(first + position);
    return sums;
  }

  /**
   * Over the writers. Each read is of a whole word, as an atomic one is, on the 64-bit machines that there are addons
   * for; and sums that are cut to 64 bits are added up without a BigInt in memory for each. Both together take a third
   * of the time that atomic reads and plain sums do, where there are many loops and rows.
   */
  #sum(first: number): number {
    const words = this.#words;
    const block = this.#rows * ROW_WORDS;
    let sum = 0n;
    for (let at = first; at < words.length; at += block) {
      sum = BigInt.asUintN(64, sum + (words[at] as bigint));
    }
    return Number(sum);
  }
}

/**
 * Writes one block of the layout above: that of the JavaScript thread beside the loops. One writer a block, so that nothing
 * but the figures themselves has to be atomic.
 */
export class CounterWriter {
  readonly #words: BigUint64Array;
  readonly #listeners: number;

  /** @param words one block: `(listeners + backends) × ROW_WORDS` words */
  constructor(words: BigUint64Array, listeners: number) {
    this.#words = words;
    this.#listeners = listeners;
  }

  /** @param amount may be negative: `open` goes down, and bytes that never left are taken back */
  addToListener(index: number, counter: CounterName, amount: number): void {
    this.#add(index, counter, amount);
  }

  /** @param amount as for `addToListener` */
  addToBackend(index: number, counter: CounterName, amount: number): void {
    this.#add(this.#listeners + index, counter, amount);
  }

  #add(row: number, counter: CounterName, amount: number): void {
    // Unsigned words wrap, so adding a negative number takes away.
    Atomics.add(this.#words, row * ROW_WORDS + Counter[counter], BigInt(amount));
  }
}
