/** All that one scrape tells: copied in one turn, while loops count on. */
import type { ProxyStats } from '../../../observe/stats.js';
import type { Proxy as RunningProxy } from '../../../proxy/proxy.js';
import type { Readiness } from '../../../proxy/readiness.js';
import type { LastReload } from '../types.js';
import { type ProcessFigures, processFigures } from './process-figures.js';

export interface Snapshot {
  readonly stats: ProxyStats;
  readonly readiness: Readiness;
  /** `Infinity` for any number. */
  readonly sessionLimit: number;
  /** Names of listeners where an operator holds clients back. */
  readonly paused: ReadonlySet<string>;
  readonly process: ProcessFigures;
  /** `undefined` where there is nothing to read again. */
  readonly lastReload: LastReload | undefined;
}

/** Of what it is. */
interface Source {
  readonly proxy: RunningProxy;
  readonly lastReload?: (() => LastReload) | undefined;
}

export async function takeSnapshot({ proxy, lastReload }: Source): Promise<Snapshot> {
  const process = await processFigures();
  const stats = proxy.stats();
  const names = new Set(stats.listeners.map(({ name }) => name));
  const paused = [...names].filter((name) => proxy.listener(name).isPaused);
  return {
    stats,
    readiness: proxy.readiness(),
    sessionLimit: proxy.sessionLimit,
    paused: new Set(paused),
    process,
    lastReload: lastReload?.(),
  };
}
