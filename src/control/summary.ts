/** Histograms in a few numbers each, so that an answer stays small: whole ones are for `/metrics` and for `stats()`. */
import { type Histogram, percentile } from '../observe/histogram.js';
import type { HistogramStats } from '../observe/stats.js';
import type { ControlSummaries, ControlSummary } from './types.js';

/** What is asked for, in percent. */
const percents = { p50: 50, p90: 90, p99: 99, p999: 99.9 } as const;

export function summaryOf(histogram: Histogram): ControlSummary {
  const { count, sum } = histogram;
  const found = Object.entries(percents).flatMap(([name, percent]) => {
    const value = percentile(histogram, percent);
    return value === undefined || value === Number.POSITIVE_INFINITY ? [] : [[name, value]];
  });
  return { count, sum, ...Object.fromEntries(found) };
}

export function summariesOf(histograms: HistogramStats): ControlSummaries {
  const entries = Object.entries(histograms).map(([name, histogram]) => [
    name,
    summaryOf(histogram),
  ]);
  return Object.fromEntries(entries);
}
