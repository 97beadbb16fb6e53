/** Listeners and pools of a configuration, taken together. */
import type { ListenAddress } from '../model/address.js';
import { settingsIn } from './shapes.js';
import type { ListenerConfig, ListenerLimits, PoolConfig, ProxyConfig, Settings } from './types.js';

/** The listener and the pool of the short form, and the pool of listeners that name none. */
export const DEFAULT_NAME = 'default';

/** The pool of a listener; empty when it names none and none is the default. */
export function poolOf(
  { pool }: { readonly pool?: string | undefined },
  pools: readonly { readonly name: string }[],
): string {
  if (pool !== undefined) return pool;
  return pools.some(({ name }) => name === DEFAULT_NAME) ? DEFAULT_NAME : '';
}

/** The limits that a listener has of its own, and no key for the others. */
export function limitsOf({ maxSessions, maxSessionsPerClient }: ListenerLimits): ListenerLimits {
  return {
    ...(maxSessions === undefined ? {} : { maxSessions }),
    ...(maxSessionsPerClient === undefined ? {} : { maxSessionsPerClient }),
  };
}

/** Where it listens, over all listeners. */
export function addressesOf({ listeners }: ProxyConfig): ListenAddress[] {
  return listeners.flatMap(({ addresses }) => addresses);
}

/** Names of the pools that no listener has; none where there are no listeners, and a program hands sockets over. */
export function unusedPools({ listeners, pools }: ProxyConfig): string[] {
  if (listeners.length === 0) return [];
  const used = new Set(listeners.map(({ pool }) => pool));
  return pools.map(({ name }) => name).filter((name) => !used.has(name));
}

/**
 * A configuration with some settings laid over it: those of the process and the command over all, those of listeners and
 * pools over each.
 *
 * @param settings as `parseCommandSettings` gives them
 */
export function withSettings<Config extends ProxyConfig>(
  config: Config,
  settings: Partial<Settings>,
): Config {
  const ofListener = settingsIn(settings, 'listener');
  const ofPool = settingsIn(settings, 'pool');
  return {
    ...config,
    ...settingsIn(settings, 'process', 'command'),
    listeners: config.listeners.map((listener): ListenerConfig => ({ ...listener, ...ofListener })),
    pools: config.pools.map((pool): PoolConfig => ({ ...pool, ...ofPool })),
    handoff: { ...config.handoff, ...ofListener },
  };
}
