import { checkOptions } from '../config/check-options.js';
import { NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE } from '../config/cross-checks.js';
import type { ProxyOptions } from '../config/options.js';
import { parseOverlay } from '../config/overlay-schema.js';
import { parseOptions } from '../config/schema.js';
import type { ProxyConfig } from '../config/types.js';
import { createEngine } from '../engine/choose.js';
import { BACKEND_ROWS, LISTENER_ROWS } from '../engine/tables.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { Overlay } from '../model/overlay.js';
import type { ProxyInternals } from './assembly.js';
import type { StartOptions } from './options.js';
import { Proxy as RunningProxy } from './proxy.js';

/**
 * Starts a load balancer.
 *
 * @param options see `ProxyOptions`; checked, and every wrong value named in the error
 * @param start what it starts with beside them
 * @returns when every listener accepts
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS`, `…_INVALID_DURATION`,
 *   `…_LISTEN`, `…_ENGINE_UNAVAILABLE`, `…_RESOURCE_LIMIT`
 */
export async function createProxy(
  options: ProxyOptions,
  start: StartOptions = {},
): Promise<RunningProxy> {
  checkOptions('createProxy()', start, ['overlay'] satisfies (keyof StartOptions)[]);
  const overlay = start.overlay === undefined ? undefined : parseOverlay(start.overlay);
  return createProxyFromConfig(parseOptions(options), {}, overlay);
}

/** @internal As `createProxy()`, for a configuration that was validated before. */
export async function createProxyFromConfig(
  config: ProxyConfig,
  internals: ProxyInternals = {},
  overlay: Overlay = {},
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
  await proxy.start(overlay);
  return proxy;
}
