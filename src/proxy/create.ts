import { NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE } from '../config/cross-checks.js';
import type { ProxyOptions } from '../config/options.js';
import { parseOptions } from '../config/schema.js';
import type { ProxyConfig } from '../config/types.js';
import { createEngine } from '../engine/choose.js';
import { BACKEND_ROWS, LISTENER_ROWS } from '../engine/tables.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { ProxyInternals } from './assembly.js';
import { Proxy as RunningProxy } from './proxy.js';

/**
 * Starts a load balancer.
 *
 * @param options see `ProxyOptions`; checked, and every wrong value named in the error
 * @returns when every listener accepts
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS`, `…_INVALID_DURATION`,
 *   `…_LISTEN`, `…_ENGINE_UNAVAILABLE`, `…_RESOURCE_LIMIT`
 */
export async function createProxy(options: ProxyOptions): Promise<RunningProxy> {
  return createProxyFromConfig(parseOptions(options));
}

/** @internal As `createProxy()`, for a configuration that was validated before. */
export async function createProxyFromConfig(
  config: ProxyConfig,
  internals: ProxyInternals = {},
): Promise<RunningProxy> {
  const { engine, accept, threads, transfer, busyPollUs, keepAliveMs, maxSessions } = config;
  if (engine === 'stream' && accept === 'native') {
    throw new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE);
  }
  const chosen = createEngine(accept === 'native' ? 'native' : engine, {
    // As many as may ever be needed: rows that nobody uses cost nothing.
    listeners: LISTENER_ROWS,
    backends: BACKEND_ROWS,
    threads,
    transfer,
    busyPollUs,
    keepAliveMs,
    maxSessions,
  });
  const proxy = new RunningProxy(config, chosen, internals);
  await proxy.start();
  return proxy;
}
