/** All that one scrape tells: copied in one turn, while loops count on. */
import type { ProxyStats } from '../../../observe/stats.js';
import type { TransportStats } from '../../../observe/transport.js';
import type { Proxy as RunningProxy } from '../../../proxy/proxy.js';
import type { Readiness } from '../../../proxy/readiness.js';
import type { LastReload } from '../types.js';
import { type ProcessFigures, processFigures } from './process-figures.js';
import type { TransportSamples } from './transport-samples.js';

export interface Snapshot {
  readonly stats: ProxyStats;
  readonly readiness: Readiness;
  /** `Infinity` for any number. */
  readonly sessionLimit: number;
  /** Names of listeners where an operator holds clients back. */
  readonly paused: ReadonlySet<string>;
  readonly process: ProcessFigures;
  /** Of no backend where nobody asks for it, and where a loop does not tell in time. */
  readonly transport: readonly TransportStats[];
  /** `undefined` where there is nothing to read again. */
  readonly lastReload: LastReload | undefined;
}

/** Of what it is. */
interface Source {
  readonly proxy: RunningProxy;
  /** Default: none is taken. */
  readonly transport?: TransportSamples | undefined;
  readonly lastReload?: (() => LastReload) | undefined;
}

export async function takeSnapshot({ proxy, lastReload, transport }: Source): Promise<Snapshot> {
  const [process, sample = []] = await Promise.all([processFigures(), transport?.read()]);
  const stats = proxy.stats();
  const names = new Set(stats.listeners.map(({ name }) => name));
  const paused = [...names].filter((name) => proxy.listener(name).isPaused);
  return {
    stats,
    readiness: proxy.readiness(),
    sessionLimit: proxy.sessionLimit,
    paused: new Set(paused),
    process,
    transport: sample,
    lastReload: lastReload?.(),
  };
}
