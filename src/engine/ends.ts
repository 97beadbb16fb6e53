/**
 * How the sessions of each listener have ended: a count for each end that differs, by `numberOfEnd()`. The native side has the same
 * in native/core/stats/ends.h: one block a writer, as of the counters, in it one row a listener.
 */
import { allEnds, ENDS, numberOfEnd, type SessionEnd } from '../model/session-end.js';

/** 64-bit words a row, up to the end of a cache line. */
export const END_WORDS = 184;

/** By the number of the end. */
export type EndFigures = ArrayLike<number>;

/** Reads what the native loops write. */
export class EndReader {
  readonly #words: BigUint64Array;
  readonly #block: number;

  /** @param words `writers × listeners × END_WORDS` words */
  constructor(words: BigUint64Array, listeners: number) {
    this.#words = words;
    this.#block = listeners * END_WORDS;
  }

  listener(index: number): EndFigures {
    const figures = new Float64Array(ENDS);
    // As `CounterReader` adds up.
    for (let end = 0; end < ENDS; end++) {
      let sum = 0n;
      for (let at = index * END_WORDS + end; at < this.#words.length; at += this.#block) {
        sum = BigInt.asUintN(64, sum + (this.#words[at] as bigint));
      }
      figures[end] = Number(sum);
    }
    return figures;
  }
}

/** Counts in the one block that is of the JavaScript thread. */
export class EndWriter {
  readonly #words: BigUint64Array;

  /** @param words `listeners × END_WORDS` words */
  constructor(words: BigUint64Array) {
    this.#words = words;
  }

  add(listener: number, end: SessionEnd): void {
    Atomics.add(this.#words, listener * END_WORDS + numberOfEnd(end), 1n);
  }
}

/** Those that there were. */
export function endsIn(figures: EndFigures): (SessionEnd & { readonly count: number })[] {
  const found: (SessionEnd & { readonly count: number })[] = [];
  for (const [number, end] of allEnds.entries()) {
    const count = figures[number] ?? 0;
    if (count !== 0) found.push({ ...end, count });
  }
  return found;
}

export function addEnds(one: EndFigures, other: EndFigures): EndFigures {
  const sums = new Float64Array(ENDS);
  for (let end = 0; end < ENDS; end++) sums[end] = (one[end] ?? 0) + (other[end] ?? 0);
  return sums;
}
