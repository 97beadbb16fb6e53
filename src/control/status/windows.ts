/** How long things take now: percentiles of the last minute or two, of histograms that count since the start. */
import { type Histogram, percentile } from '../../observe/histogram.js';
import type { PoolStats, ProxyStats } from '../../observe/stats.js';

/** What there is between two times that are kept. */
const WINDOW_MS = 60_000;

/** Of so many pools, in the order of the options; each keeps two copies of its histograms. */
const MOST_POOLS = 250;

/** What is shown of pools. */
const shown = ['connect', 'firstByte', 'duration'] as const satisfies readonly (keyof Histograms)[];

type Histograms = PoolStats['histograms'];
type Kept = ReadonlyMap<string, Pick<Histograms, (typeof shown)[number]>>;

/** In seconds; absent where there was none to measure. A percentile is `null` above the last edge of the histogram. */
export interface Percentiles {
  /** How many were measured. */
  readonly count: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
}

export type PoolTimes = { readonly [Name in (typeof shown)[number]]?: Percentiles };

export class Windows {
  #older: Kept = new Map();
  #newer: Kept = new Map();
  #turnedAt = Number.NEGATIVE_INFINITY;

  /** @param at milliseconds of a clock that never goes back. Call it more often than once a minute. */
  sample({ pools }: ProxyStats, at: number): void {
    if (at - this.#turnedAt < WINDOW_MS) return;
    this.#turnedAt = at;
    this.#older = this.#newer;
    this.#newer = new Map(
      pools.slice(0, MOST_POOLS).map(({ name, histograms }) => [name, histograms]),
    );
  }

  /** Of what came since one to two minutes ago; of all, in a pool that was not there then. */
  timesOf({ name, histograms }: PoolStats): PoolTimes {
    const before = this.#older.get(name);
    const entries = shown.map((which) => [
      which,
      percentilesOf(since(histograms[which], before?.[which])),
    ]);
    return Object.fromEntries(entries.filter(([, found]) => found !== undefined));
  }
}

/** What a histogram has more than it had; all of it, where another one had the name then. */
export function since(now: Histogram, before: Histogram | undefined): Histogram {
  if (before === undefined || before.count > now.count) return now;
  const counts = new Map(before.buckets.map(({ upTo, count }) => [upTo, count]));
  const buckets = now.buckets
    .map(({ upTo, count }) => ({ upTo, count: count - (counts.get(upTo) ?? 0) }))
    .filter(({ count }) => count > 0);
  return { count: now.count - before.count, sum: now.sum - before.sum, buckets };
}

function percentilesOf(histogram: Histogram): Percentiles | undefined {
  const { count } = histogram;
  if (count === 0) return undefined;
  const at = (percent: number) => {
    const found = percentile(histogram, percent);
    return found === undefined || found === Number.POSITIVE_INFINITY ? null : found;
  };
  return { count, p50: at(50), p90: at(90), p99: at(99) };
}
