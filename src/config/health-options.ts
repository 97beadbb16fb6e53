/** Health checks as users write them: `health` of a pool. */
import type { HealthFunction, ServerRole } from '../model/health.js';
import type { Duration } from './duration.js';

/** What all health checks have. Every field has a default. */
export interface HealthSettings {
  /** From one check of a backend to the next, more than 0. Default `2s`. */
  interval?: Duration | undefined;
  /** How long a check may take until it has failed, more than 0. Default `2s`. */
  timeout?: Duration | undefined;
  /** How many checks have to pass, one after the other, until a backend that is down is up: 1 to 100. Default 2. */
  rise?: number | undefined;
  /** How many checks have to fail, one after the other, until a backend that is up is down: 1 to 100. Default 3. */
  fall?: number | undefined;
  /** By how much of itself each interval is longer or shorter at random, so that checks spread: `0%` to `50%`. Default `10%`. */
  jitter?: string | undefined;
  /** The interval from when the answers of a backend change until it is known what it is, more than 0. Default `500ms`. */
  fastInterval?: Duration | undefined;
  /** Whether a backend is down until it has passed its first checks. Default `false`. */
  startDown?: boolean | undefined;
  /** Another port of the same hosts to check, 1 to 65535. Default: that of the backend. */
  port?: number | undefined;
  /** Another address to check for every backend, in place of its own: `host:port`, `[v6]:port` or `unix:/path`. Not with `port`. */
  address?: string | undefined;
}

/** Whether a server accepts connections and, where asked, answers as it should. */
export interface TcpHealthOptions extends HealthSettings {
  /** What is asked. */
  type: 'tcp';
  /** Text to send, or bytes as `hex:0d0a`. Default: nothing. */
  send?: string | undefined;
  /** Text that has to come, or bytes as `hex:0d0a`, anywhere in the first 64 KiB. Default: nothing has to. */
  expect?: string | undefined;
}

/** Whether a server answers a request of HTTP as it should. */
export interface HttpHealthOptions extends HealthSettings {
  /** What is asked. */
  type: 'http';
  /** `GET`, `HEAD` or `OPTIONS`. Default `GET`. */
  method?: 'GET' | 'HEAD' | 'OPTIONS' | undefined;
  /** What is asked for: a path, and a query if there is one. Default `/`. */
  path?: string | undefined;
  /** The header `Host`. Default: the host of the backend, and its port where it is not the usual one. */
  host?: string | undefined;
  /** Statuses that are right: a number, a range, or several of these. Default `200-399`. */
  statuses?: number | string | readonly (number | string)[] | undefined;
  /** Text that has to be in the first 64 KiB of the body. Default: any body is right. */
  body?: string | undefined;
}

/** The same over TLS. */
export interface HttpsHealthOptions extends Omit<HttpHealthOptions, 'type'> {
  /** What is asked. */
  type: 'https';
  /** Whether the certificate has to be right: signed by an authority that Node trusts, of that name, and of today. Default `true`. */
  verify?: boolean | undefined;
  /** The name that the certificate has to have, and that the server is asked for. Default: the host of the backend. */
  serverName?: string | undefined;
}

/** Whether a MySQL or MariaDB server lets an account in. */
export interface MysqlHealthOptions extends HealthSettings {
  /** What is asked. */
  type: 'mysql';
  /**
   * The account, which needs no rights. Default: none. A server then has only to answer, whether or not it lets somebody of the
   * name `spliceway` in; it counts that as an aborted connection.
   */
  user?: string | undefined;
  /** Its password. Default: it has none. */
  password?: string | undefined;
  /** What the server has to be, by its `read_only`; takes a `user`. Default: either. */
  role?: ServerRole | undefined;
}

/** Whether a PostgreSQL server lets an account in. */
export interface PostgresHealthOptions extends HealthSettings {
  /** What is asked. */
  type: 'postgres';
  /** The account, which needs no rights but to connect. */
  user: string;
  /** Its password. Default: it has none. */
  password?: string | undefined;
  /** The database to connect to. Default: that of the name of the account. */
  database?: string | undefined;
  /** What the server has to be, by `pg_is_in_recovery()`. Default: either. */
  role?: ServerRole | undefined;
}

/** Whether a Redis server answers `PING`. */
export interface RedisHealthOptions extends HealthSettings {
  /** What is asked. */
  type: 'redis';
  /** The account, where it is not the default one; takes a `password`. */
  username?: string | undefined;
  /** The password. Default: none is asked for. */
  password?: string | undefined;
  /** What the server has to be, by `INFO replication`. Default: either. */
  role?: ServerRole | undefined;
}

/** A check that the program itself makes. A file has none. */
export interface FunctionHealthOptions extends HealthSettings {
  /** Asks a backend once; answers with `true`, or with a text that says what it has found, when all is well. */
  check: HealthFunction;
}

/** The health checks of a pool: of a type, or a function. Unknown keys are errors, and so are those of another type. */
export type HealthOptions =
  | TcpHealthOptions
  | HttpHealthOptions
  | HttpsHealthOptions
  | MysqlHealthOptions
  | PostgresHealthOptions
  | RedisHealthOptions
  | FunctionHealthOptions;

/** The types of health checks that need nothing else said: `health: 'tcp'` is `health: { type: 'tcp' }`. */
export type HealthShorthand = 'tcp' | 'http' | 'https' | 'mysql' | 'redis';
