/** Histograms as a program sees them. */
import { edgesFrom, type HistogramFigures } from '../engine/histogram.js';

/** How many values there were between the edge before and this one. */
export interface HistogramBucket {
  /** The upper edge, which belongs to it. */
  readonly upTo: number;
  /** Never 0: buckets that are empty are left out. */
  readonly count: number;
}

/**
 * How many values there were of which size, and their sum: times in seconds, sizes in bytes.
 *
 * The edges are 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8 and 9 times each power of ten, over eight of these. So
 * `countUpTo()` is exact for each of them, and a percentile is too large by a quarter at most.
 */
export interface Histogram {
  /** Of all values, those included that are above the last edge, which are in no bucket. */
  readonly count: number;
  /** Of all values. */
  readonly sum: number;
  /** The smallest values first. */
  readonly buckets: readonly HistogramBucket[];
}

/** @param first power of ten, of the lowest edge; `scale` what figures are divided by */
export function histogramOf(
  { sum, counts }: HistogramFigures,
  first: number,
  scale: number,
): Histogram {
  const edges = edgesFrom(first);
  const buckets: HistogramBucket[] = [];
  let count = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const found = counts[bucket] ?? 0;
    if (found === 0) continue;
    count += found;
    const edge = edges[bucket];
    if (edge !== undefined) buckets.push({ upTo: edge / scale, count: found });
  }
  return { count, sum: sum / scale, buckets };
}

/**
 * How many values of a histogram are not above a limit.
 *
 * @param histogram also one that has been JSON
 * @param limit in seconds or bytes. The answer is exact for an edge; else values count that are in whole buckets below.
 */
export function countUpTo(histogram: Histogram, limit: number): number {
  let count = 0;
  for (const bucket of histogram.buckets) if (bucket.upTo <= limit) count += bucket.count;
  return count;
}

/**
 * The value that so many of a hundred are not above, as nearly as the buckets tell: the upper edge of its bucket. `undefined` where
 * there are no values; `Infinity` where it is above the last edge.
 *
 * @param histogram also one that has been JSON
 * @param percent such as 50 or 99.9
 */
export function percentile(histogram: Histogram, percent: number): number | undefined {
  const { count, buckets } = histogram;
  if (count === 0) return undefined;
  // 99.9 % of 1000 are 999, which floating point has a little more for.
  const rank = Math.ceil((percent / 100) * count * (1 - 1e-12));
  let seen = 0;
  for (const bucket of buckets) {
    seen += bucket.count;
    if (seen >= rank) return bucket.upTo;
  }
  return Number.POSITIVE_INFINITY;
}
