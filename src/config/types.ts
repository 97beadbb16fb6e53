/** The words of the configuration, as the rest of the program sees them after validation. */

import type { ListenAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { SettingsOf } from './shapes.js';

/** What the command is told beside the configuration of its proxy. */
export type CommandSettings = SettingsOf<'command'>;
export type LogLevel = CommandSettings['logLevel'];
export type LogFormat = NonNullable<CommandSettings['logFormat']>;

/** Every setting of a proxy: all of a configuration but its listeners and backends. */
export type Settings = SettingsOf<'process' | 'listener' | 'pool'>;

/**
 * A validated configuration, every default filled in. What settings.ts calls `idleTimeout` is `idleTimeoutMs` here, and
 * 0 is off.
 */
export interface ProxyConfig extends Settings {
  readonly listen: readonly ListenAddress[];
  readonly backends: readonly BackendConfig[];
}
