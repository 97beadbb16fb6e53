/** What a metric is: the exposition, the documentation and whatever else names one goes by it. */
import { countUpTo, type Histogram } from '../../../observe/histogram.js';
import type { EndStats } from '../../../observe/stats.js';
import type { Snapshot } from './snapshot.js';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** Beside those of the row. */
  readonly labels: Labels;
  readonly value: number;
  /** What of a histogram it is. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** @typeParam Row what it is of */
export interface Metric<Row> {
  /** A counter ends in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence, which people see beside a graph. */
  readonly help: string;
  /** Names of its labels, beside those of its collector. */
  readonly labels?: readonly string[];
  /** One value; or several, which their labels tell apart; `undefined` where there is nothing to say. */
  read(row: Row): number | undefined | readonly Sample[];
}

/** Metrics of one kind of thing: what `collect[]` chooses. */
export interface Collector<Name extends string = string, Row = unknown> {
  readonly name: Name;
  /** Of what its metrics are, in words for people. */
  readonly of: string;
  /** Names of the labels that all its metrics have. */
  readonly labels: readonly string[];
  rowsOf(snapshot: Snapshot): Iterable<Row>;
  labelsOf(row: Row): Labels;
  readonly metrics: readonly Metric<Row>[];
}

/**
 * A histogram as Prometheus has them: each bucket counts those before it, too.
 *
 * @param limits edges of the histogram, for which it is exact
 */
export function inBuckets(histogram: Histogram, limits: readonly number[]): Sample[] {
  const { count, sum } = histogram;
  return [
    ...limits.map((limit) => bucket(String(limit), countUpTo(histogram, limit))),
    bucket('+Inf', count),
    { labels: {}, value: sum, suffix: '_sum' },
    { labels: {}, value: count, suffix: '_count' },
  ];
}

const bucket = (le: string, value: number): Sample => ({
  labels: { le },
  value,
  suffix: '_bucket',
});

/** One sample a state, of which the present one is 1. */
export const oneOf = (states: readonly string[], present: string): Sample[] =>
  states.map((state) => ({ labels: { state }, value: state === present ? 1 : 0 }));

/** One sample a value of a label. */
export const by = (label: string, values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([value, count]) => ({ labels: { [label]: value }, value: count }));

/** One sample for each way in which sessions have ended. */
export const ended = (ends: readonly EndStats[]): Sample[] =>
  ends.map(({ reason, side, phase, count }) => ({ labels: { reason, side, phase }, value: count }));
