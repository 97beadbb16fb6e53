/** The words of the configuration, as the rest of the program sees them after validation. */

import type { FilterFunction } from '../policy/filter-function.js';
import type { PickFunction } from '../policy/pick-function.js';

/** A parsed address. `host` is a name, an IPv4 or IPv6 literal (no brackets), or '' for all interfaces. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Who may connect to a Unix socket; what is left out is as the system makes it. */
export interface SocketAccess {
  /** Permission bits. */
  readonly mode?: number;
  /** The number of its owner. */
  readonly user?: number;
  /** The number of its group. */
  readonly group?: number;
}

/** Where a listener accepts: an address, or a listening socket that the process was started with, by its number. */
export type ListenAddress =
  | Exclude<Address, { kind: 'unix' }>
  | { readonly kind: 'unix'; readonly path: string; readonly access?: SocketAccess }
  | { readonly kind: 'fd'; readonly fd: number };

export interface BackendConfig {
  /** As the user wrote it, normalised: the name that logs, stats and `handoff()` use. */
  readonly name: string;
  readonly address: Address;
  /** 1 to 1000; shares of new sessions. */
  readonly weight: number;
  /** Sessions at once; without it, any number. */
  readonly maxSessions?: number | undefined;
  /** Without it, `first`. */
  readonly addresses?: AddressesChoice | undefined;
}

/** Which addresses of a backend's name are used. */
export type AddressesChoice =
  /** The first that answers. */
  | 'first'
  /** All of them, in turn. */
  | 'all';

/** What may be asked to move the bytes. */
export type EngineChoice =
  /** `native` where it runs, else `stream` with a warning. */
  | 'auto'
  /** Splice in the kernel; Linux only. */
  | 'native'
  /** Node streams; anywhere. */
  | 'stream';

/** Who may be asked to accept connections. */
export type AcceptChoice =
  /** `native` with the native engine, and `node` where that cannot be. */
  | 'auto'
  /** The loops of the native engine, without JavaScript. */
  | 'native'
  /** A `net.Server`, which hands each connection over. */
  | 'node';

/** The policies that are built in. `round-robin`: each backend in turn, as often as its weight says. */
export type PolicyName = 'round-robin';

/** How the native engine may be asked to move bytes. */
export type TransferChoice =
  /** Copies while messages are small, splices when a stream proves bulk. */
  | 'auto'
  /** Always through a pipe, in the kernel. */
  | 'splice'
  /** Always through memory. */
  | 'copy';

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
