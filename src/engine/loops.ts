/** What the native loops tell of themselves. */
import { BUCKET_WORDS, type HistogramFigures, readBuckets } from './histogram.js';

/** 64-bit words of a row: `LoopRow` in native/core/stats/counters.h. */
const LOOP_WORDS = 8 + BUCKET_WORDS;

/** Position of each counter in its row; the buckets of the turns are behind them, and `busyUs` is their sum. */
export const LoopCounter = {
  wakeUps: 0,
  longestTurnUs: 1,
  bytesCopied: 2,
  bytesSpliced: 3,
  busyUs: 4,
} as const;

/** The power of ten that is the lowest edge of that histogram, in microseconds. */
export const TURNS_FROM = 1;

export type LoopFigures = Readonly<Record<Exclude<keyof typeof LoopCounter, 'busyUs'>, number>> & {
  /** In microseconds. */
  readonly turns: HistogramFigures;
};

/** What pipes there are for splicing, over all loops. */
export interface PipeFigures {
  /** How many there are, lent or idle. */
  readonly open: number;
  /** What these can hold. */
  readonly bytes: number;
  /** How many there may be. */
  readonly most: number;
  /** What these may hold together. */
  readonly mostBytes: number;
}

export const noPipes: PipeFigures = { open: 0, bytes: 0, most: 0, mostBytes: 0 };

/** @param words one row a loop, and more, which are not read */
export function readLoops(words: BigUint64Array, loops: number): readonly LoopFigures[] {
  return Array.from({ length: loops }, (_, loop) => {
    const row = words.subarray(loop * LOOP_WORDS, (loop + 1) * LOOP_WORDS);
    const named = Object.entries(LoopCounter).map(([name, at]) => [name, Number(row[at])]);
    const { busyUs, ...counters } = Object.fromEntries(named) as Record<
      keyof typeof LoopCounter,
      number
    >;
    const counts = readBuckets(row, LOOP_WORDS - BUCKET_WORDS, LOOP_WORDS);
    return { ...counters, turns: { sum: busyUs, counts } };
  });
}
