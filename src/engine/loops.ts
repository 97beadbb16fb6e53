/** What the native loops tell of themselves. */
import { HISTOGRAM_WORDS, type HistogramFigures, readHistogram } from './histogram.js';

/** 64-bit words of a row: `LoopRow` in native/core/stats/counters.h. */
const LOOP_WORDS = 8 + HISTOGRAM_WORDS;

/** Position of each counter in its row; the histogram of the turns is behind them. */
export const LoopCounter = {
  wakeUps: 0,
  longestTurnUs: 1,
  bytesCopied: 2,
  bytesSpliced: 3,
} as const;

/** The power of ten that is the lowest edge of that histogram, in microseconds. */
export const TURNS_FROM = 1;

export type LoopFigures = Readonly<Record<keyof typeof LoopCounter, number>> & {
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
    const counters = Object.entries(LoopCounter).map(([name, at]) => [name, Number(row[at])]);
    return {
      ...(Object.fromEntries(counters) as Record<keyof typeof LoopCounter, number>),
      turns: readHistogram(row.subarray(LOOP_WORDS - HISTOGRAM_WORDS)),
    };
  });
}
