/** What a proxy is asked of itself: its figures, and those of one backend. */
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { version } from '../version.js';
import { summariesOf, summaryOf } from './summary.js';
import type { ControlBackend, ControlStatus } from './types.js';

/** @param file what a reload reads */
export function statusOf(
  proxy: RunningProxy,
  name: string,
  since: number,
  file: string | undefined,
): ControlStatus {
  const { engine: _, ...stats } = proxy.stats();
  return {
    name,
    version,
    pid: process.pid,
    since,
    isStopping: proxy.isClosing,
    file,
    ...stats,
    engine: proxy.engine,
    accept: proxy.accept,
    listeners: stats.listeners.map((listener) => ({
      ...listener,
      isPaused: proxy.listener(listener.name).isPaused,
    })),
    pools: stats.pools.map(({ histograms, ...pool }) => ({
      ...pool,
      summaries: summariesOf(histograms),
    })),
    loops: stats.loops.map((loop) => ({ ...loop, turns: summaryOf(loop.turns) })),
  };
}

/** @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_POOL`, `…_UNKNOWN_BACKEND` */
export function backendOf(proxy: RunningProxy, pool: string, name: string): ControlBackend {
  const found = proxy
    .stats()
    .backends.find((backend) => backend.pool === pool && backend.name === name);
  if (found !== undefined) return found;
  // Says which there are.
  proxy.pool(pool).backend(name);
  throw new RangeError(`no figures of backend ${pool}/${name}`);
}
