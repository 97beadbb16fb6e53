/** What an editor shows of listeners, backends and health checks; settings.ts has its words for all else. */
import type {
  HttpsHealthOptions,
  MysqlHealthOptions,
  PostgresHealthOptions,
  RedisHealthOptions,
  TcpHealthOptions,
} from './health-options.js';
import type { BackendOptions, ListenerOptions } from './options.js';

const ADDRESS = 'host:port, [v6]:port or unix:/path';

export const descriptions = {
  listen:
    `Where clients connect: ${ADDRESS}; one or several. :port is all interfaces, port 0 any free one. ` +
    'An object says who may connect to a Unix socket.',
  backends:
    'The servers behind the listeners, at least one, none twice. Each is an address, which ' +
    'name=NAME, weight=N, max-sessions=N, addresses=all and backup or priority=N may follow after commas, or an object.',
  listeners:
    'Where clients connect: the listeners by their names. Names have a-z, 0-9, ".", "_" and "-".',
  address: `Where clients of this listener connect: ${ADDRESS}; one or several, in the forms of listen.`,
  pool: 'The pool that serves its clients, by its name. Default: the pool named default, where there is one.',
  pools: 'The servers, in pools by their names. Each has its own backends, policy and limits.',
};

/** Of the keys of a listener. */
export const listenerDescriptions: Readonly<Record<keyof ListenerOptions, string>> = {
  address: 'Where clients connect. The other keys are for unix:/path alone.',
  mode: 'Permissions of the socket, as text in octal digits: "0660". Default: 0777 less the umask.',
  user: 'Owner of the socket, by name or number. Default: who runs the command.',
  group:
    'Group of the socket, by name or number. Default: that of the command, or of the folder where it has the setgid bit.',
};

/** Of the keys of a listener of the long form that are no settings: at the top level they mean the whole process. */
export const limitDescriptions = {
  maxSessions:
    'Sessions of this listener at once, over all its addresses. At that number its clients wait in the queue of the kernel. Default: what the process may have.',
  maxSessionsPerClient:
    "Sessions of this listener at once from one client's address; one more is reset. Default: what one may have over all listeners.",
};

/** Of the keys of a backend. */
export const backendDescriptions: Readonly<Record<keyof BackendOptions, string>> = {
  name: 'What logs, stats and programs call it, as in db-1; no two alike in a pool. Default: its address.',
  address: `Where the server is: ${ADDRESS}. A name is resolved at start, every resolveEvery, and when connecting fails.`,
  weight: 'Its share of new sessions, against the weights of the others.',
  maxSessions:
    'Sessions that it may have at once; it is passed over while it has as many. Default: any number.',
  addresses:
    'Of a name with several addresses. first: the first that answers, until it fails. all: in turn, as one backend.',
  priority:
    'Clients go to backends of the lowest priority, and to others only when none of those can be reached or has room.',
  backup: 'The same as priority 1. Give one of the two.',
  tags: 'What a policy of your own wants to know of it, as in { zone: eu-1 }: 16 entries at most.',
};

type HealthKey =
  | keyof TcpHealthOptions
  | keyof HttpsHealthOptions
  | keyof MysqlHealthOptions
  | keyof PostgresHealthOptions
  | keyof RedisHealthOptions;

/** Of the keys of a health check. */
export const healthDescriptions: Readonly<Record<HealthKey, string>> = {
  type: 'What is asked: whether the server accepts connections, or answers in its protocol.',
  interval: 'From one check of a backend to the next.',
  timeout: 'How long a check may take until it has failed.',
  rise: 'How many checks have to pass, one after the other, until a backend that is down is up.',
  fall: 'How many checks have to fail, one after the other, until a backend that is up is down.',
  jitter: 'By how much of itself each interval is longer or shorter at random: 0% to 50%.',
  fastInterval:
    'The interval from when the answers of a backend change until it is known what it is.',
  startDown: 'Whether a backend is down until it has passed its first checks.',
  port: 'Another port of the same hosts to check. Default: that of the backend.',
  address:
    'Another address to check for every backend, in place of its own. Not together with port.',
  send: 'Text to send, or bytes as hex:0d0a. Default: nothing.',
  expect:
    'Text that has to come, or bytes as hex:0d0a, anywhere in the first 64 KiB. Default: nothing has to.',
  method: 'The method of the request.',
  path: 'What is asked for: a path, and a query if there is one.',
  host: 'The header Host. Default: the host of the backend, and its port where it is not the usual one.',
  statuses: 'Statuses that are right: a number, a range as in 200-399, or a list of these.',
  body: 'Text that has to be in the first 64 KiB of the body. Default: any body is right.',
  verify:
    'Whether the certificate has to be right: signed by an authority, of that name, and of today.',
  serverName:
    'The name in the certificate, and the one that the server is asked for. Default: the host of the backend.',
  user: 'The account that logs in; it needs no rights. Of mysql it may be left out, but the server then counts every check as an aborted connection.',
  username: 'The account of Redis, where it is not the default one; it needs a password.',
  password: 'The password of the account. Keep the file readable for its owner alone.',
  database: 'The database to connect to. Default: that of the name of the account.',
  role: 'What the server has to be: the primary, or a replica. Default: either.',
};
