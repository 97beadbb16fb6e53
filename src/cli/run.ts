/** The life of a proxy under the command: start, announce, stop on a signal. */

import { formatDuration } from '../config/duration.js';
import { addressesOf } from '../config/services.js';
import type { PoolConfig, ProxyConfig } from '../config/types.js';
import { asAddress } from '../entrance/listener.js';
import { type Address, formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import { createProxyFromConfig } from '../proxy/create.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { Logger } from './log.js';
import { print } from './output.js';
import { withOverlapHint } from './overlap.js';
import { logProxy } from './proxy-log.js';
import type { StateFile } from './state-file.js';
import type { StopSignal, StopSignals } from './stop-signals.js';

/**
 * Starts the proxy with its events logged. Errors as `createProxy`.
 *
 * @param state what it begins with; to follow it from here on is the caller's, once nothing else can keep it from starting
 * @param reserved where no backend may be
 */
export async function startProxy(
  config: ProxyConfig,
  log: Logger,
  state?: StateFile,
  reserved: readonly Address[] = [],
): Promise<RunningProxy> {
  const overlay = state?.read();
  const proxy = await createProxyFromConfig(config, { reserved }, overlay).catch(
    (error: unknown) => {
      throw withOverlapHint(error, [...addressesOf(config), ...reserved]);
    },
  );
  // Lines that were held back are still written when the process ends.
  process.once('exit', logProxy(proxy, log));
  const { name: engine, reason } = proxy.engine;
  log.info(
    {
      engine,
      threads: engine === 'native' ? config.threads : undefined,
      accept: proxy.accept,
      ...services(config),
    },
    `engine ${engine}: ${reason}`,
  );
  return proxy;
}

/** What there is to balance; backends of named pools are only counted, for there may be thousands. */
function services({ form, listeners, pools }: ProxyConfig): object {
  if (form === 'short') return Object.assign({}, ...pools.map(ofPool));
  const perPool = pools.map((pool) => [
    pool.name,
    { policy: pool.policy, backends: pool.backends.length },
  ]);
  const perListener = listeners.map(({ name, addresses, pool }) => [
    name,
    { addresses: addresses.map(formatAddress), pool },
  ]);
  return { listeners: Object.fromEntries(perListener), pools: Object.fromEntries(perPool) };
}

const ofPool = ({ policy, backends }: PoolConfig) => ({ policy, backends: backends.map(flagOf) });

/** As `--backend` takes it. */
function flagOf({ name, address, weight, maxSessions, priority }: BackendConfig): string {
  const text = formatAddress(address);
  const called = name === text ? '' : `,name=${name}`;
  const limit = maxSessions === undefined ? '' : `,max-sessions=${maxSessions}`;
  const rank = priority === undefined ? '' : `,priority=${priority}`;
  return `${text}${called},weight=${weight}${limit}${rank}`;
}

/** Says on standard output where the proxy listens. */
export class Announcer {
  #said: readonly string[] = [];

  /**
   * One line for each address that was not said before: what scripts wait for. In one write, so that who sees the first
   * sees all.
   */
  announce(proxy: RunningProxy): void {
    const addresses = proxy.addresses().map((listener) => formatAddress(asAddress(listener)));
    const lines = addresses.filter((address) => !this.#said.includes(address));
    this.#said = addresses;
    if (lines.length > 0) print(lines.map((address) => `listening on ${address}\n`).join(''));
  }
}

export interface StopOptions {
  readonly signals: StopSignals;
  /** How long live sessions may go on after the first signal, in milliseconds. Asked when it comes. */
  readonly drainMs: () => number;
  readonly log: Logger;
  /** Written at the end. */
  readonly state?: StateFile | undefined;
  /** Called at the first signal. */
  readonly onStopping?: () => void;
}

/** Waits for a signal, drains, and cuts the draining short at the next signal. */
export async function stopOnSignal(proxy: RunningProxy, options: StopOptions): Promise<void> {
  const { signals, log, state, onStopping } = options;
  const signal = await signals.next();
  onStopping?.();
  const drainMs = options.drainMs();
  const { open } = proxy.stats().sessions;
  const drained = proxy.close({ drain: drainMs });
  // Said after it is done: scripts may act on the line.
  log.info(farewell(signal, open, drainMs));
  const cutShort = signals.next().then((again) => {
    log.warn(`${again}: stopping at once`);
    return proxy.close();
  });
  await Promise.race([drained, cutShort]);
  await state?.close();
  log.info('stopped');
}

function farewell(signal: StopSignal, open: number, drainMs: number): string {
  if (open === 0) return `${signal}: stopping, no session is open`;
  const sessions = open === 1 ? '1 session' : `${open} sessions`;
  const patience = `up to ${formatDuration(drainMs)} for ${sessions} to finish`;
  return `${signal}: accepting no more, waiting ${patience}; signal again to stop at once`;
}
