/** `spliceway check`: is this file a configuration, and what does it say? */

import { connectBudgetOf } from '../config/connect-budget.js';
import { formatDuration } from '../config/duration.js';
import { loadConfigFile, nameOfFile } from '../config/file.js';
import { formatHashKey } from '../config/hash-key.js';
import { queueTimeoutOf } from '../config/queue.js';
import { unusedPools } from '../config/services.js';
import type { Place } from '../config/setting.js';
import type { SettingKey } from '../config/settings.js';
import { settingKeys, settingOf, valueIn } from '../config/shapes.js';
import type { CommandConfig, ListenerConfig, PoolConfig } from '../config/types.js';
import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';

/** The lines of the summary: which settings each has, and what they are called there. */
const LINES: Readonly<Record<string, { readonly [Key in SettingKey]?: string }>> = {
  policy: { policy: '', pickTimeout: 'pick' },
  hash: { hashKey: 'by', hashSlots: 'slots' },
  engine: { engine: '', threads: 'threads', accept: 'accept' },
  transfer: { transfer: '', busyPoll: 'busy poll' },
  limits: { maxSessions: 'sessions', maxSessionsPerClient: 'per client' },
  queue: { maxPoolSessions: 'pool sessions', queue: 'waiting' },
  search: { connectBudget: 'budget', connectAttempts: 'attempts', abortOnClose: 'abort on close' },
  timeouts: {
    connectTimeout: 'connect',
    idleTimeout: 'idle',
    halfCloseTimeout: 'half-close',
    handshakeTimeout: 'handshake',
    maxSessionAge: 'session age',
    drainTimeout: 'drain',
  },
  names: { resolveEvery: 'looked up' },
  from: { from: '' },
  keepalive: { keepAlive: '' },
  ejection: {
    ejectAfter: 'after',
    ejectFor: 'for',
    ejectForMax: 'at most',
    earlyReset: 'early reset',
  },
  down: { onDown: 'sessions', slowStart: 'slow start' },
  'all down': { whenAllDown: '' },
  rebalance: { rebalance: 'a second', rebalanceIdle: 'idle' },
  removed: { onRemove: '' },
  health: { health: '' },
  state: { state: '' },
  log: { logLevel: '', logFormat: '' },
};
/** Those that have no place in another line, under their own names. */
const others = settingKeys.filter((key) => !Object.values(LINES).some((line) => key in line));

/**
 * Prints `FILE: ok` and a summary.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_CONFIG_FILE`
 */
export function check(file: string): void {
  const config = loadConfigFile(file);
  const services = config.form === 'short' ? describeShort(config) : describeLong(config);
  const lines = [`${nameOfFile(file)}: ok`, ...services];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function describeShort(config: CommandConfig): string[] {
  const [listener, pool] = [config.listeners[0], config.pools[0]];
  return [
    line('listen', (listener?.addresses ?? []).map(describeAddress)),
    ...(pool?.backends ?? []).map((backend) => line('backend', [describe(backend)])),
    ...describeSettings({ ...pool, ...listener, ...config }),
  ];
}

/** A block for each listener and each pool, and what is of the process. */
function describeLong(config: CommandConfig): string[] {
  return [
    ...config.listeners.flatMap(describeListener),
    ...config.pools.flatMap(describePool),
    ...unusedPools(config).map((name) => line('unused', [`no listener has the pool ${name}`])),
    ...describeSettings(config, ['process', 'command']),
  ];
}

function describeListener(listener: ListenerConfig): string[] {
  return [
    line('listener', [listener.name]),
    ...[
      line('address', listener.addresses.map(describeAddress)),
      line('pool', [listener.pool]),
      ...describeLimits(listener),
      ...describeSettings(listener, ['listener']),
    ].map(indented),
  ];
}

function describeLimits({ maxSessions, maxSessionsPerClient }: ListenerConfig): string[] {
  const parts = [
    ...(maxSessions === undefined ? [] : [`sessions ${maxSessions}`]),
    ...(maxSessionsPerClient === undefined ? [] : [`per client ${maxSessionsPerClient}`]),
  ];
  return parts.length === 0 ? [] : [line('limits', parts)];
}

function describePool(pool: PoolConfig): string[] {
  return [
    line('pool', [pool.name]),
    ...[
      ...pool.backends.map((backend) => line('backend', [describe(backend)])),
      ...describeSettings(pool, ['pool']),
    ].map(indented),
  ];
}

const line = (name: string, parts: readonly string[]) => `  ${name.padEnd(9)} ${parts.join(', ')}`;
const indented = (text: string) => `  ${text}`;

/** The lines of settings, all of them or those of some places. */
function describeSettings(config: object, places?: readonly Place[]): string[] {
  const isShown = (key: SettingKey) => places?.includes(settingOf(key).place) ?? true;
  const summary = { ...LINES, others: Object.fromEntries(others.map((key) => [key, key])) };
  return Object.entries(summary).flatMap(([name, labels]) => {
    const parts = Object.entries(labels)
      .filter(([key]) => isShown(key as SettingKey))
      .flatMap(([key, label]) => describeSetting(config, key as SettingKey, label));
    return parts.length === 0 ? [] : [line(name, parts)];
  });
}

/** As `idle 1h`; nothing for what is off, or is not there. */
function describeSetting(config: object, key: SettingKey, label: string): string[] {
  const { kind } = settingOf(key);
  const value = specialWords[key]?.(config as never) ?? valueIn(config, key);
  if (value === undefined || value === false) return [];
  const text = typeof value === 'string' ? value : value === true ? '' : kind.format(value);
  return [[label, text].filter((part) => part !== '').join(' ')];
}

/** The stream engine does not know what the descriptors allow. */
const isLimited = ({ engine, maxSessions }: CommandConfig) =>
  engine !== 'stream' || maxSessions !== undefined;

/** Values that need more than themselves to be understood. */
const specialWords: {
  readonly [Key in SettingKey]?: (config: CommandConfig & PoolConfig) => string | false;
} = {
  hashKey: ({ policy, hashKey }) => policy === 'source-hash' && formatHashKey(hashKey),
  hashSlots: ({ policy, hashSlots }) => policy === 'source-hash' && String(hashSlots),
  rebalanceIdle: ({ rebalance, rebalanceIdleMs }) =>
    rebalance !== undefined && formatDuration(rebalanceIdleMs),
  // No file has a policy that is a function.
  pickTimeout: () => false,
  maxSessions: (config) =>
    String(config.maxSessions ?? (isLimited(config) ? 'as descriptors allow' : 'any number')),
  maxSessionsPerClient: (config) =>
    String(config.maxSessionsPerClient ?? (isLimited(config) ? 'half of them' : 'any number')),
  queue: (config) =>
    config.queue.length > 0 && `${config.queue.length} for ${formatWait(queueTimeoutOf(config))}`,
  connectBudget: (config) => formatDuration(connectBudgetOf(config)),
  resolveEvery: ({ resolveEveryMs }) =>
    resolveEveryMs === 0 ? 'when connecting fails' : `every ${formatDuration(resolveEveryMs)}`,
  logFormat: ({ logFormat }) => logFormat ?? 'pretty on a terminal, else json',
};

const formatWait = (ms: number) => (ms === 0 ? 'any time' : formatDuration(ms));

function describeAddress(listener: ListenAddress): string {
  const { mode, user, group } = (listener.kind === 'unix' && listener.access) || {};
  const access = [
    ...(mode === undefined ? [] : [`mode ${mode.toString(8).padStart(4, '0')}`]),
    ...(user === undefined ? [] : [`user ${user}`]),
    ...(group === undefined ? [] : [`group ${group}`]),
  ];
  return formatAddress(listener) + (access.length === 0 ? '' : ` (${access.join(', ')})`);
}

function describe(backend: BackendConfig): string {
  const { name, address, weight, maxSessions, addresses, priority, tags = {} } = backend;
  const text = formatAddress(address);
  const words = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
  return [
    name === text ? text : `${name} at ${text}`,
    `weight ${weight}`,
    ...(maxSessions === undefined ? [] : [`max sessions ${maxSessions}`]),
    ...(addresses === 'all' ? ['all addresses in turn'] : []),
    ...(priority === undefined ? [] : [`priority ${priority}`]),
    ...(words.length === 0 ? [] : [`tags ${words.join(' ')}`]),
  ].join(', ');
}
