/** The words of the configuration, as the rest of the program sees them after validation. */

import type { ListenAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { AcceptChoice, EngineChoice, TransferChoice } from '../model/choices.js';
import type { FilterFunction } from '../policy/filter-function.js';
import type { PickFunction } from '../policy/pick-function.js';
import type { PolicyName } from '../policy/policy.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const LOG_FORMATS = ['pretty', 'json'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What the command is told beside the configuration of its proxy. */
export interface CommandSettings {
  /** How long live sessions may go on after the first stop signal. */
  readonly drainTimeoutMs: number;
  /** The least important line to log. */
  readonly logLevel: LogLevel;
  /** Without it, pretty where a terminal reads it, else JSON. */
  readonly logFormat?: LogFormat | undefined;
}

/** A validated configuration, every default filled in. Times in milliseconds, 0 is off. */
export interface ProxyConfig {
  readonly listen: readonly ListenAddress[];
  readonly backends: readonly BackendConfig[];
  readonly policy: PolicyName | PickFunction;
  readonly filter?: FilterFunction | undefined;
  readonly engine: EngineChoice;
  readonly accept: AcceptChoice;
  readonly threads: number;
  readonly transfer: TransferChoice;
  /** In microseconds; 0 is off. */
  readonly busyPollUs: number;
  /** Sessions at once; without it, as many as the descriptors allow. */
  readonly maxSessions?: number | undefined;
  /** Sessions at once from one client's address; without it, half of all for each that is not loopback. */
  readonly maxSessionsPerClient?: number | undefined;
  readonly connectTimeoutMs: number;
  /** Without it, three times `connectTimeoutMs`. */
  readonly connectBudgetMs?: number | undefined;
  /** Attempts to connect, for one client. */
  readonly connectAttempts: number;
  readonly abortOnClose: boolean;
  readonly idleTimeoutMs: number;
  readonly halfCloseTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** Between two lookups of a name. */
  readonly resolveEveryMs: number;
  /** Whole seconds. */
  readonly keepAliveMs: number;
}
