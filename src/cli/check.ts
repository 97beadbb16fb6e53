/** `spliceway check`: is this file a configuration, and what does it say? */

import { connectBudgetOf } from '../config/connect-budget.js';
import { formatDuration, formatMicroseconds } from '../config/duration.js';
import { loadConfigFile, nameOfFile } from '../config/file.js';
import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';

/**
 * Prints `FILE: ok` and a summary.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_CONFIG_FILE`
 */
export function check(file: string): void {
  const config = loadConfigFile(file);
  // The stream engine does not know what the descriptors allow.
  const isLimited = config.engine !== 'stream' || config.maxSessions !== undefined;
  const {
    maxSessions = isLimited ? 'as descriptors allow' : 'any number',
    maxSessionsPerClient = isLimited ? 'half of them' : 'any number',
  } = config;
  const search = [
    `budget ${formatDuration(connectBudgetOf(config))}`,
    `attempts ${config.connectAttempts}`,
    ...(config.abortOnClose ? ['abort on close'] : []),
  ];
  const timeouts = [
    `connect ${formatDuration(config.connectTimeoutMs)}`,
    `idle ${formatDuration(config.idleTimeoutMs)}`,
    `half-close ${formatDuration(config.halfCloseTimeoutMs)}`,
    `handshake ${formatDuration(config.handshakeTimeoutMs)}`,
    `drain ${formatDuration(config.drainTimeoutMs)}`,
  ];
  const lines = [
    `${nameOfFile(file)}: ok`,
    `  listen    ${config.listen.map(describeListener).join(', ')}`,
    ...config.backends.map((backend) => `  backend   ${describe(backend)}`),
    `  policy    ${config.policy}`,
    `  engine    ${config.engine}, threads ${config.threads}, accept ${config.accept}`,
    `  transfer  ${config.transfer}, busy poll ${formatMicroseconds(config.busyPollUs)}`,
    `  limits    sessions ${maxSessions}, per client ${maxSessionsPerClient}`,
    `  search    ${search.join(', ')}`,
    `  timeouts  ${timeouts.join(', ')}`,
    `  names     looked up ${whenLookedUp(config.resolveEveryMs)}`,
    `  keepalive ${formatDuration(config.keepAliveMs)}`,
    `  log       ${config.logLevel}, ${config.logFormat ?? 'pretty on a terminal, else json'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
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

function whenLookedUp(everyMs: number): string {
  return everyMs === 0 ? 'when connecting fails' : `every ${formatDuration(everyMs)}`;
}

function describe({ name, weight, maxSessions, addresses }: BackendConfig): string {
  const limit = maxSessions === undefined ? '' : `, max sessions ${maxSessions}`;
  return `${name}, weight ${weight}${limit}${addresses === 'all' ? ', all addresses in turn' : ''}`;
}
