/** Metrics as text, a piece at a time: with ten thousand backends it is long, and nobody else is to wait for the whole of it. */
import { setImmediate } from '../../../timers.js';
import { Registry } from '../../../vendor/prom-client.js';
import type { Labels, Metric, Sample } from './metric.js';
import type { Snapshot } from './snapshot.js';
import { type CollectorName, metricTable } from './table.js';

/** What Prometheus has always read, and what OpenMetrics made of it. */
export type Format = 'text' | 'openmetrics';

const registries = {
  text: new Registry(Registry.PROMETHEUS_CONTENT_TYPE),
  openmetrics: new Registry(Registry.OPENMETRICS_CONTENT_TYPE),
} as const;

export const contentTypes: Readonly<Record<Format, string>> = {
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/** Series that are written in one turn of the event loop: a millisecond, or less. */
const AT_ONCE = 500;

/** @param collected whose metrics are asked for */
export async function* exposition(
  snapshot: Snapshot,
  collected: ReadonlySet<CollectorName>,
  format: Format,
): AsyncGenerator<string> {
  let piece = '';
  let count = 0;
  for (const { name, metrics, rowsOf, labelsOf } of metricTable) {
    if (!collected.has(name)) continue;
    const rows = Array.from(rowsOf(snapshot), (row) => ({ row, labels: labelsOf(row) }));
    for (const metric of metrics) {
      for (const { series, isFirst } of parts(seriesOf(metric, rows))) {
        piece += await written(metric, series, isFirst, format);
        count += series.length;
        if (count < AT_ONCE) continue;
        yield piece;
        piece = '';
        count = 0;
        await nextTurn();
      }
    }
  }
  yield format === 'openmetrics' ? `${piece}# EOF\n` : piece;
}

interface Series {
  readonly labels: Labels;
  readonly value: number;
  readonly metricName?: string;
}

function* seriesOf<Row>(
  { name, read }: Metric<Row>,
  rows: readonly { readonly row: Row; readonly labels: Labels }[],
): Generator<Series> {
  for (const { row, labels } of rows) {
    const values = read(row);
    if (typeof values === 'number') yield { labels, value: values };
    else for (const own of values ?? []) yield seriesFrom(own, labels, name);
  }
}

const seriesFrom = ({ labels, value, suffix }: Sample, ofRow: Labels, name: string): Series => ({
  labels: { ...ofRow, ...labels },
  value,
  ...(suffix === undefined ? {} : { metricName: `${name}${suffix}` }),
});

/** So many at a time. */
function* parts(all: Iterable<Series>): Generator<{ series: Series[]; isFirst: boolean }> {
  let part: Series[] = [];
  let isFirst = true;
  for (const one of all) {
    part.push(one);
    if (part.length < AT_ONCE) continue;
    yield { series: part, isFirst };
    part = [];
    isFirst = false;
  }
  if (part.length > 0) yield { series: part, isFirst };
}

/** @param isFirst whether its head, of two lines, goes before them */
async function written(
  { name, type, help }: Metric<unknown>,
  values: readonly Series[],
  isFirst: boolean,
  format: Format,
): Promise<string> {
  // OpenMetrics has the ending at each sample, and not in the name.
  const family = format === 'openmetrics' ? name.replace(/_total$/, '') : name;
  const metric = { get: () => ({ name: family, help, type, values }) };
  const text = `${await registries[format].getMetricsAsString(metric)}\n`;
  return isFirst ? text : text.replace(/^(?:#.*\n){2}/, '');
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
