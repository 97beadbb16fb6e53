/** How the health of backends is asked for, once that is validated. */
import type { Address } from './address.js';

/** What a database server is to be: the one that takes writes, or one that follows it. */
export type ServerRole = 'primary' | 'replica';

/** Who is asked, and for how long. */
export interface HealthContext {
  /** The name of the backend. */
  readonly name: string;
  /** Where it is to be asked: `127.0.0.1:3306`, `[::1]:3306` or `unix:/path`. */
  readonly address: string;
  /** The IP address of that, or the path of its Unix socket. */
  readonly host: string;
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  /** Aborts when the time-out is over, or nobody waits for the answer any more. For what the function waits for, such as `fetch()`. */
  readonly signal: AbortSignal;
}

/**
 * Asks a backend once: `true`, or a short text that says what was found, when all is well. `false`, a promise that
 * rejects, and what is thrown say that it is not, and so does an answer after the time-out. The message of an error is
 * what logs and stats say of the failure.
 */
export type HealthFunction = (
  context: HealthContext,
) => boolean | string | PromiseLike<boolean | string>;

/** When a backend is asked, and what its answers count for. */
export interface HealthSchedule {
  readonly intervalMs: number;
  /** Until a check has failed. */
  readonly timeoutMs: number;
  /** Checks that pass one after the other until a backend that is down is up. */
  readonly rise: number;
  /** Checks that fail one after the other until a backend that is up is down. */
  readonly fall: number;
  /** By how much of itself an interval may be longer or shorter, 0 to 50. */
  readonly jitterPercent: number;
  /** The interval while the answers change. */
  readonly fastIntervalMs: number;
  /** Whether a backend is down until it is known to be up. */
  readonly startDown: boolean;
  /** Another port of the same host. Not with `address`. */
  readonly port?: number | undefined;
  /** Another address. */
  readonly address?: Address | undefined;
}

interface TcpCheckConfig {
  readonly type: 'tcp';
  /** Text, or bytes as `hex:0d0a`. */
  readonly send?: string | undefined;
  /** The same; anywhere in what comes. */
  readonly expect?: string | undefined;
}

/** Statuses of HTTP, both ends included. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

interface HttpRequestConfig {
  readonly method: string;
  readonly path: string;
  /** For the header; the host and the port of the backend without it. */
  readonly host?: string | undefined;
  readonly statuses: readonly StatusRange[];
  /** Text that is in the body. */
  readonly body?: string | undefined;
}

interface HttpCheckConfig extends HttpRequestConfig {
  readonly type: 'http';
}

interface HttpsCheckConfig extends HttpRequestConfig {
  readonly type: 'https';
  /** Whether the certificate has to be right. */
  readonly verify: boolean;
  /** The name in the certificate, and the one that is asked for; the host of the backend without it. */
  readonly serverName?: string | undefined;
}

interface MysqlCheckConfig {
  readonly type: 'mysql';
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Only with a user. */
  readonly role?: ServerRole | undefined;
}

interface PostgresCheckConfig {
  readonly type: 'postgres';
  readonly user: string;
  readonly password?: string | undefined;
  /** That of the same name as the user without it. */
  readonly database?: string | undefined;
  readonly role?: ServerRole | undefined;
}

interface RedisCheckConfig {
  readonly type: 'redis';
  /** Only with a password. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly role?: ServerRole | undefined;
}

interface FunctionCheckConfig {
  readonly type: 'function';
  readonly check: HealthFunction;
}

/** What is asked. */
export type CheckConfig =
  | TcpCheckConfig
  | HttpCheckConfig
  | HttpsCheckConfig
  | MysqlCheckConfig
  | PostgresCheckConfig
  | RedisCheckConfig
  | FunctionCheckConfig;

/** The type of a check, or `function` for one that a program has written. */
export type CheckType = CheckConfig['type'];

/** What is asked of one type. */
export type CheckConfigOf<Type extends CheckType> = Extract<CheckConfig, { readonly type: Type }>;

/** The health checks of a pool. */
export type HealthConfig = HealthSchedule & CheckConfig;
