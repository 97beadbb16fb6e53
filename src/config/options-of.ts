/** From a validated configuration back to what a user would write for it. */
import { isDeepStrictEqual } from 'node:util';
import type { ListenAddress, SocketAccess } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type {
  BackendOptions,
  ListenerOptions,
  NamedListenerOptions,
  PoolOptions,
  ProxyOptions,
} from './options.js';
import { limitsOf } from './services.js';
import type { Place } from './setting.js';
import { defaultsOf, keysOf, settingOf, valueIn } from './shapes.js';
import type { ListenerConfig, PoolConfig, ProxyConfig } from './types.js';

/**
 * The options of a configuration, in the form that it was written in and without what is the default anyway:
 * `parseOptions(optionsOf(config))` is the same configuration.
 */
export function optionsOf(config: ProxyConfig): ProxyOptions {
  const settings = settingsOf(config, 'process');
  const { form, listeners, pools, handoff } = config;
  if (form === 'long') {
    return {
      ...settings,
      ...(listeners.length === 0 ? {} : { listeners: byName(listeners, ofListener) }),
      pools: byName(pools, ofPool),
    };
  }
  const addresses = listeners.flatMap((listener) => listener.addresses);
  return {
    ...(addresses.length === 0 ? {} : { listen: addresses.map(ofAddress) }),
    backends: pools.flatMap(({ backends }) => backends.map(ofBackend)),
    ...settings,
    ...settingsOf(handoff, 'listener'),
    ...Object.assign({}, ...pools.map((pool) => settingsOf(pool, 'pool'))),
  };
}

function byName<Entry extends { readonly name: string }, Options>(
  entries: readonly Entry[],
  optionsOfOne: (entry: Entry) => Options,
): Record<string, Options> {
  return Object.fromEntries(entries.map((entry) => [entry.name, optionsOfOne(entry)]));
}

function ofListener(listener: ListenerConfig): NamedListenerOptions {
  const address = listener.addresses.map(ofAddress);
  return {
    address,
    pool: listener.pool,
    ...limitsOf(listener),
    ...settingsOf(listener, 'listener'),
  };
}

function ofPool(pool: PoolConfig): PoolOptions {
  return { backends: pool.backends.map(ofBackend), ...settingsOf(pool, 'pool') };
}

function ofAddress(address: ListenAddress): ListenerOptions {
  const text = formatAddress(address);
  if (address.kind !== 'unix' || address.access === undefined) return { address: text };
  const { mode, ...owners }: SocketAccess = address.access;
  return {
    address: text,
    ...(mode === undefined ? {} : { mode: mode.toString(8).padStart(4, '0') }),
    ...owners,
  };
}

function ofBackend({ name, address, weight, ...limits }: BackendConfig): BackendOptions {
  const text = formatAddress(address);
  return {
    ...(name === text ? {} : { name }),
    address: text,
    ...(weight === 1 ? {} : { weight }),
    ...limits,
  };
}

/** What differs from the defaults, as a program gives it. */
function settingsOf(config: object, place: Place): Record<string, unknown> {
  const defaults = defaultsOf(place);
  const entries = keysOf([place]).flatMap((key) => {
    const value = valueIn(config, key);
    if (isDeepStrictEqual(value, valueIn(defaults, key))) return [];
    return [[key, settingOf(key).kind.toOption?.(value) ?? value] as const];
  });
  return Object.fromEntries(entries);
}
