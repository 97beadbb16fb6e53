/** `spliceway check`: is this file a configuration, and what does it say? */

import { connectBudgetOf } from '../config/connect-budget.js';
import { formatDuration } from '../config/duration.js';
import { loadConfigFile, nameOfFile } from '../config/file.js';
import type { CommandConfig } from '../config/schema.js';
import type { SettingKey } from '../config/settings.js';
import { settingKeys, settingOf, valueIn } from '../config/shapes.js';
import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';

/** The lines of the summary: which settings each has, and what they are called there. */
const LINES: Readonly<Record<string, { readonly [Key in SettingKey]?: string }>> = {
  policy: { policy: '' },
  engine: { engine: '', threads: 'threads', accept: 'accept' },
  transfer: { transfer: '', busyPoll: 'busy poll' },
  limits: { maxSessions: 'sessions', maxSessionsPerClient: 'per client' },
  search: { connectBudget: 'budget', connectAttempts: 'attempts', abortOnClose: 'abort on close' },
  timeouts: {
    connectTimeout: 'connect',
    idleTimeout: 'idle',
    halfCloseTimeout: 'half-close',
    handshakeTimeout: 'handshake',
    drainTimeout: 'drain',
  },
  names: { resolveEvery: 'looked up' },
  keepalive: { keepAlive: '' },
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
  const summary = { ...LINES, others: Object.fromEntries(others.map((key) => [key, key])) };
  const lines = [
    `${nameOfFile(file)}: ok`,
    line('listen', config.listen.map(describeListener)),
    ...config.backends.map((backend) => line('backend', [describe(backend)])),
    ...Object.entries(summary).flatMap(([name, labels]) => {
      const parts = Object.entries(labels).flatMap(([key, label]) =>
        describeSetting(config, key as SettingKey, label),
      );
      return parts.length === 0 ? [] : [line(name, parts)];
    }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const line = (name: string, parts: readonly string[]) => `  ${name.padEnd(9)} ${parts.join(', ')}`;

/** As `idle 1h`; nothing for what is off, or is not there. */
function describeSetting(config: CommandConfig, key: SettingKey, label: string): string[] {
  const { kind } = settingOf(key);
  const value = specialWords(config)[key] ?? valueIn(config, key);
  if (value === undefined || value === false) return [];
  const text = typeof value === 'string' ? value : value === true ? '' : kind.format(value);
  return [[label, text].filter((part) => part !== '').join(' ')];
}

/** Values that need more than themselves to be understood. */
function specialWords(config: CommandConfig): {
  readonly [Key in SettingKey]?: string | undefined;
} {
  // The stream engine does not know what the descriptors allow.
  const isLimited = config.engine !== 'stream' || config.maxSessions !== undefined;
  const every = formatDuration(config.resolveEveryMs);
  return {
    maxSessions: String(config.maxSessions ?? (isLimited ? 'as descriptors allow' : 'any number')),
    maxSessionsPerClient: String(
      config.maxSessionsPerClient ?? (isLimited ? 'half of them' : 'any number'),
    ),
    connectBudget: formatDuration(connectBudgetOf(config)),
    resolveEvery: config.resolveEveryMs === 0 ? 'when connecting fails' : `every ${every}`,
    logFormat: config.logFormat ?? 'pretty on a terminal, else json',
  };
}

function describeListener(listener: ListenAddress): string {
  const { mode, user, group } = (listener.kind === 'unix' && listener.access) || {};
  const access = [
    ...(mode === undefined ? [] : [`mode ${mode.toString(8).padStart(4, '0')}`]),
    ...(user === undefined ? [] : [`user ${user}`]),
    ...(group === undefined ? [] : [`group ${group}`]),
  ];
  return formatAddress(listener) + (access.length === 0 ? '' : ` (${access.join(', ')})`);
}

function describe({ name, weight, maxSessions, addresses }: BackendConfig): string {
  const limit = maxSessions === undefined ? '' : `, max sessions ${maxSessions}`;
  return `${name}, weight ${weight}${limit}${addresses === 'all' ? ', all addresses in turn' : ''}`;
}
