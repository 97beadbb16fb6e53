/**
 * Every metric, once. Names are those of the field: one prefix, base units, `_total` for what counts up, and sums over labels that
 * make sense (prometheus.io/docs/practices/naming). No label has values that clients choose.
 */
import type { Collector } from './metric.js';
import { ofBackends } from './table/backends.js';
import { ofListeners } from './table/listeners.js';
import { ofLoops } from './table/loops.js';
import { ofPools } from './table/pools.js';
import { ofProcess } from './table/process.js';
import { ofTransport } from './table/transport.js';

const collectors = [ofProcess, ofListeners, ofPools, ofBackends, ofTransport, ofLoops] as const;

export type CollectorName = (typeof collectors)[number]['name'];

export const collectorNames: readonly CollectorName[] = collectors.map(({ name }) => name);

/** In the order in which they are written. */
export const metricTable: readonly Collector<CollectorName>[] = collectors;
