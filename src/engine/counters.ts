/**
 * Counters that live in one flat array of unsigned 64-bit integers, so that the native loops can
 * write them while JavaScript reads them: no call, no message, no lock.
 *
 * Layout (the native side has the same constants in native/core/stats/counters.h): one block a writer (each
 * native loop, and last the one JavaScript thread), in it one row a listener and then one row a backend, in
 * it the seven counters below, padded to a cache line.
 */

/** 64 bytes a row: rows of two writers never share a cache line. */
export const ROW_WORDS = 8;

/** Position of each counter in its row. */
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
} as const;

export type CounterName = keyof typeof Counter;

/** One row, summed over all writers. */
export type CounterRow = Readonly<Record<CounterName, number>>;

/** Reads the counters of an engine; see the layout above. */
export class CounterReader {
  readonly #words: BigUint64Array;
  readonly #listeners: number;
  readonly #rows: number;

  /** @param words `writers × (listeners + backends) × ROW_WORDS` words */
  constructor(words: BigUint64Array, listeners: number, backends: number) {
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

  /**
   * One pass over the writers. Each read is of a whole word, as an atomic one is, on the 64-bit machines that there are
   * addons for; and sums that are cut to 64 bits are added up without a BigInt in memory for each. Both together take
   * a third of the time that atomic reads and plain sums do, where there are many loops and rows.
   */
  #row(row: number): CounterRow {
    const words = this.#words;
    const block = this.#rows * ROW_WORDS;
    let opened = 0n;
    let open = 0n;
    let failed = 0n;
    let bytesUpstream = 0n;
    let bytesDownstream = 0n;
    let rejected = 0n;
    let unheard = 0n;
    for (let at = row * ROW_WORDS; at < words.length; at += block) {
      opened = BigInt.asUintN(64, opened + (words[at + Counter.opened] as bigint));
      open = BigInt.asUintN(64, open + (words[at + Counter.open] as bigint));
      failed = BigInt.asUintN(64, failed + (words[at + Counter.failed] as bigint));
      bytesUpstream = BigInt.asUintN(
        64,
        bytesUpstream + (words[at + Counter.bytesUpstream] as bigint),
      );
      bytesDownstream = BigInt.asUintN(
        64,
        bytesDownstream + (words[at + Counter.bytesDownstream] as bigint),
      );
      rejected = BigInt.asUintN(64, rejected + (words[at + Counter.rejected] as bigint));
      unheard = BigInt.asUintN(64, unheard + (words[at + Counter.unheard] as bigint));
    }
    return {
      opened: Number(opened),
      open: Number(open),
      failed: Number(failed),
      bytesUpstream: Number(bytesUpstream),
      bytesDownstream: Number(bytesDownstream),
      rejected: Number(rejected),
      unheard: Number(unheard),
    };
  }
}

/**
 * Writes one block of the layout above: the side of an engine whose bytes pass through JavaScript.
 * One writer a block, so that nothing but the figures themselves has to be atomic.
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

/** The words of `writers` blocks, all zero, in memory that other threads may be shown. */
export function createCounterWords(
  writers: number,
  listeners: number,
  backends: number,
): BigUint64Array {
  const words = writers * (listeners + backends) * ROW_WORDS;
  return new BigUint64Array(new SharedArrayBuffer(words * BigUint64Array.BYTES_PER_ELEMENT));
}
