/** The words of the configuration, as the rest of the program sees them after validation. */

import type { ListenAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { SettingsOf } from './shapes.js';

/** What the command is told beside the configuration of its proxy. */
export type CommandSettings = SettingsOf<'command'>;
export type LogLevel = CommandSettings['logLevel'];
export type LogFormat = NonNullable<CommandSettings['logFormat']>;

/** Every setting of a proxy: all of a configuration but its addresses, backends and names. */
export type Settings = SettingsOf<'process' | 'listener' | 'pool'>;

/** What a listener that has a name may have, over all its addresses; `undefined` is what the process may. */
export interface ListenerLimits {
  readonly maxSessions?: number | undefined;
  readonly maxSessionsPerClient?: number | undefined;
}

/** A listener, every default filled in. */
export interface ListenerConfig extends SettingsOf<'listener'>, ListenerLimits {
  readonly name: string;
  /** One at least. */
  readonly addresses: readonly ListenAddress[];
  /** The pool of its clients, by name. */
  readonly pool: string;
}

/** A pool, every default filled in. */
export interface PoolConfig extends SettingsOf<'pool'> {
  readonly name: string;
  /** One at least. */
  readonly backends: readonly BackendConfig[];
}

/**
 * A validated configuration, every default filled in. What settings.ts calls `idleTimeout` is `idleTimeoutMs` here, and
 * 0 is off.
 */
export interface ProxyConfig extends SettingsOf<'process'> {
  /** How it was written, for messages: the short form is one listener and one pool, both named `default`. */
  readonly form: 'short' | 'long';
  /** None where a program only hands sockets over. */
  readonly listeners: readonly ListenerConfig[];
  readonly pools: readonly PoolConfig[];
  /** What holds for sockets that are handed over: in the short form its settings of a listener, else the defaults. */
  readonly handoff: SettingsOf<'listener'>;
}

/** What the command is told, by a file or by flags. */
export type CommandConfig = ProxyConfig & CommandSettings;
