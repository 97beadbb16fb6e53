/**
 * The one table of settings. The schema of the configuration, its defaults, the flags and their help, the JSON Schema
 * and the reference in docs/configuration.md are made from it; docs/CONTRIBUTING.md says how to add one.
 */
import { availableParallelism } from 'node:os';
import { policies } from '../policy/registry.js';
import {
  choice,
  duration,
  filePath,
  filterFunction,
  hashKeyText,
  healthChecks,
  microseconds,
  oneNumberOf,
  onRemoveChoice,
  policyOrFunction,
  queueOf,
  seconds,
  sourceAddresses,
  whole,
  yesNo,
} from './kinds.js';
import type { Place, Setting } from './setting.js';

/** Threads that an engine may have. */
export const THREADS_MAX = 256;
/** More than this need more than one process; `kMostSessions` in native/core/engine/engine.cc. */
export const SESSIONS_MAX = 1 << 20;
/** One client is no reason for more; `kMostAttempts` in native/core/select/walk.h. */
const ATTEMPTS_MAX = 100;
/** A loop that has been idle for longer gains nothing by staying awake. */
const BUSY_POLL_MAX = '1s';
/** The last whole hour that TCP_KEEPIDLE takes (MAX_TCP_KEEPIDLE in the kernel, 32767 s). */
const KEEP_ALIVE_MAX = '9h';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Asked once: a configuration that is read again later means the same, though the process may have other CPUs by then. */
const threadsByDefault = Math.min(availableParallelism(), THREADS_MAX);

/** Every setting, in the order in which help and documents list them. */
export const settings = {
  policy: {
    place: 'pool',
    kind: policyOrFunction(),
    default: 'round-robin',
    description: `How the backend of a session is picked. ${Object.entries(policies)
      .map(([name, { description }]) => `${name}: ${description}.`)
      .join(' ')}`,
    see: 'policies.md#the-policies',
    flag: { group: 'How:', help: 'how a backend is picked' },
  },
  hashKey: {
    place: 'pool',
    kind: hashKeyText(),
    default: 'address',
    description:
      'What of a client source-hash goes by: its address, its port as well, or so many bits of its address.',
    see: 'policies.md#source-hash',
    flag: { group: 'How:', help: 'what of a client source-hash goes by' },
  },
  hashSlots: {
    place: 'pool',
    kind: oneNumberOf([65_537, 655_373]),
    default: 65_537,
    description:
      'Slots of the table of source-hash. More of them share clients out more evenly, for pools of hundreds of backends.',
    see: 'policies.md#source-hash',
    flag: { group: 'How:', help: 'slots of the table of source-hash' },
  },
  pickTimeout: {
    place: 'pool',
    kind: duration(),
    default: '1s',
    description: 'How long a policy that is a function may take to answer with a promise.',
    see: 'library.md#a-policy-of-your-own',
  },
  filter: {
    place: 'listener',
    kind: filterFunction(),
    unset: 'everybody comes in',
    description: 'Lets clients in or denies them.',
    see: 'library.md#denying-clients',
  },
  engine: {
    place: 'process',
    kind: choice('an engine', ['auto', 'native', 'stream']),
    default: 'auto',
    description:
      'What moves the bytes. native: splice in the kernel, Linux only. stream: Node streams, ' +
      'anywhere. auto: native where it runs, else stream with a warning.',
    flag: { group: 'How:', help: 'what moves the bytes' },
  },
  accept: {
    place: 'process',
    kind: choice('a way to accept', ['auto', 'native', 'node']),
    default: 'auto',
    description:
      'Who accepts connections. native: the loops of the native engine. node: a net.Server, which ' +
      'hands each one over. auto: native with the native engine.',
    see: '#who-accepts',
    flag: { group: 'How:', help: 'who accepts connections' },
  },
  threads: {
    place: 'process',
    kind: whole(1, THREADS_MAX),
    default: () => threadsByDefault,
    unset: 'one for each CPU',
    description: 'Loops of the native engine, each a thread.',
    flag: { group: 'How:', help: 'threads of the native engine' },
  },
  transfer: {
    place: 'process',
    kind: choice('a way to move bytes', ['auto', 'splice', 'copy']),
    default: 'auto',
    description:
      'How the native engine moves bytes. auto: copies small messages, splices bulk. splice: always in the kernel. ' +
      'copy: always through memory.',
    flag: { group: 'How:', help: 'how it moves bytes' },
  },
  busyPoll: {
    place: 'process',
    kind: microseconds(BUSY_POLL_MAX),
    default: '0',
    description:
      'How long an idle loop of the native engine polls before it sleeps: lower latency for a busy core.',
    see: '#latency-for-a-busy-core',
    flag: { group: 'How:', help: 'how long its idle threads poll before they sleep, as in 50us' },
  },
  maxSessions: {
    place: 'process',
    kind: whole(1, SESSIONS_MAX),
    unset: 'what the file descriptors allow',
    description:
      'Sessions at once, over all listeners. At that number clients wait in the queue of the kernel.',
    see: '#limits',
    flag: { group: 'Limits:', help: 'at once; others wait in the kernel' },
  },
  maxSessionsPerClient: {
    place: 'process',
    kind: whole(1, SESSIONS_MAX),
    unset: 'half of all, but any number from loopback',
    description:
      "Sessions at once from one client's address; one more is reset. IPv6 counts by the /64.",
    see: '#limits',
    flag: { group: 'Limits:', help: 'at once from one address' },
  },
  maxPoolSessions: {
    place: 'pool',
    kind: whole(1, SESSIONS_MAX),
    unset: 'any number',
    description:
      'Sessions at once over all backends of the pool. At that number clients wait in its queue, where it has one.',
    see: 'queue.md#limits',
    flag: { group: 'Limits:', help: 'at once over all backends' },
  },
  queue: {
    place: 'pool',
    kind: queueOf(),
    default: 0,
    description:
      'How many clients may wait for a place at a backend where all are full. First come, first served.',
    see: 'queue.md#who-waits',
    flag: { group: 'Limits:', help: 'clients who may wait where all backends are full' },
  },
  connectTimeout: {
    place: 'pool',
    kind: duration(),
    default: '5s',
    description: 'How long one address of a backend may take to answer.',
    flag: { group: 'Limits:', help: 'for one address of a backend' },
  },
  connectBudget: {
    place: 'pool',
    kind: duration(),
    unset: 'three times the connect timeout',
    description: 'How long a client may wait for a backend, over all that are tried.',
    see: '#backends-that-fail',
    flag: { group: 'Limits:', help: 'for a client to find a backend' },
  },
  connectAttempts: {
    place: 'pool',
    kind: whole(1, ATTEMPTS_MAX),
    default: 32,
    description: 'Attempts to connect that one client may cost, over all backends and addresses.',
    see: '#backends-that-fail',
    flag: { group: 'Limits:', help: 'to connect, for one client' },
  },
  abortOnClose: {
    place: 'pool',
    kind: yesNo(),
    default: true,
    description:
      'Whether the search for a backend ends after a second for a client that has ended its stream and sent nothing.',
    see: '#backends-that-fail',
    flag: {
      group: 'Limits:',
      help: 'seek a backend for more than a second for a client that has ended its stream and sent nothing',
    },
  },
  ejectAfter: {
    place: 'pool',
    kind: whole(1, 1000),
    default: 5,
    description:
      'Clients that a backend has failed, one after the other, until it is ejected: no new sessions for a while. Never the ' +
      'last that takes sessions, nor more than half of the pool.',
    see: 'health.md#ejection',
    flag: { group: 'Limits:', help: 'clients that a backend may fail in a row' },
  },
  ejectFor: {
    place: 'pool',
    kind: duration('0 ejects none'),
    default: '10s',
    description:
      'How long a backend is ejected the first time. Each that soon follows is twice as long.',
    see: 'health.md#ejection',
    flag: { group: 'Limits:', help: 'for a backend that has failed so many; doubles each time' },
  },
  ejectForMax: {
    place: 'pool',
    kind: duration('0 is no limit'),
    default: '5m',
    description: 'How long a backend is ejected at most.',
    see: 'health.md#ejection',
    flag: { group: 'Limits:', help: 'the same, at most' },
  },
  from: {
    place: 'pool',
    kind: sourceAddresses(),
    unset: 'the kernel picks one',
    description:
      'Addresses of this machine that connections to the backends, and their checks, come from. Several are used in turn, and where ' +
      'one has no port left for a backend, the next one is.',
    see: 'source-addresses.md#from',
    flag: { group: 'How:', help: 'that connections to backends come from; several with commas' },
  },
  earlyReset: {
    place: 'pool',
    kind: duration(),
    default: '0',
    description:
      'A session that its backend ends within this time, without having sent a byte, is one that the backend has failed, as one ' +
      'that could not connect: for ejection.',
    see: 'health.md#early-resets',
    flag: { group: 'Limits:', help: 'in which a backend that ends a session has failed it' },
  },
  whenAllDown: {
    place: 'pool',
    kind: choice('a way to go on', ['fail', 'try']),
    default: 'fail',
    description:
      'What a client meets where no backend is up. fail: it is refused. try: those that are down are tried all the same.',
    see: 'health.md#when-all-are-down',
    flag: { group: 'Limits:', help: 'what a client meets where no backend is up' },
  },
  slowStart: {
    place: 'pool',
    kind: duration(),
    default: '0',
    description:
      'How long the share of a backend grows that was added or is up again, from a tenth to all of it. Not at the start of the ' +
      'program, and not with source-hash.',
    see: 'health.md#slow-start',
    flag: { group: 'Limits:', help: 'for a backend that is new or back to get its whole share' },
  },
  onDown: {
    place: 'pool',
    kind: onRemoveChoice(),
    default: 'keep',
    description:
      'What becomes of the sessions of a backend that a check finds down. keep: they go on. close: they end at once. ' +
      'With a time, they may go on for so long, or until it is up again.',
    see: 'health.md#sessions-of-a-backend-that-is-down',
  },
  onRemove: {
    place: 'pool',
    kind: onRemoveChoice(),
    default: 'keep',
    description:
      'What becomes of the sessions of a backend that is removed, moved to another address, drained or put in ' +
      'maintenance. keep: they go on. close: they end at once. With a time, they may go on for so long.',
    see: 'services.md#sessions-of-a-backend-that-goes',
  },
  health: {
    place: 'pool',
    kind: healthChecks(),
    unset: 'nobody is asked',
    description:
      'How backends are asked whether they work. One that does not is down, and gets no new sessions.',
    see: 'health-checks.md#types',
  },
  idleTimeout: {
    place: 'listener',
    kind: duration(),
    default: '1h',
    description: 'How long a session may live with no byte moving either way.',
    flag: { group: 'Limits:', help: 'for a session with no byte moving' },
  },
  halfCloseTimeout: {
    place: 'listener',
    kind: duration(),
    default: '5m',
    description:
      'How long a session may live, with no byte moving, after one side ended its stream.',
    flag: { group: 'Limits:', help: 'the same, after one side ended' },
  },
  handshakeTimeout: {
    place: 'listener',
    kind: duration(),
    default: '1m',
    description:
      'How long a session may live, once its backend has answered, before either side sends its first byte.',
    flag: { group: 'Limits:', help: 'the same, before the first byte' },
  },
  maxSessionAge: {
    place: 'pool',
    kind: duration(),
    default: '0',
    description:
      'How long a session may live, give or take a tenth. Then it ends as soon as it rests, or after a tenth more, but 10 s at least.',
    see: 'session-age.md#sessions-that-are-due',
    flag: { group: 'Limits:', help: 'for a session to live, until it rests' },
  },
  rebalance: {
    place: 'pool',
    kind: whole(1, 10_000),
    unset: 'clients stay where they are',
    description:
      'Idle sessions a second that end, when a backend has come, so that their clients come back to it: until the load is level. ' +
      'Not with first and source-hash.',
    see: 'rebalancing.md#when-a-backend-comes',
    flag: { group: 'Limits:', help: 'idle sessions a second to end when a backend has come' },
  },
  rebalanceIdle: {
    place: 'pool',
    kind: duration('0 takes whatever rests'),
    default: '10s',
    description: 'How long a session must have been idle for that.',
    see: 'rebalancing.md#when-a-backend-comes',
    flag: { group: 'Limits:', help: 'for a session to be idle before it may' },
  },
  resolveEvery: {
    place: 'process',
    kind: duration('0: only when connecting fails'),
    default: '30s',
    description: 'How often names of backends are looked up again.',
    see: '#names-of-backends',
    flag: { group: 'Limits:', help: 'for names of backends to be looked up again' },
  },
  keepAlive: {
    place: 'process',
    kind: seconds(KEEP_ALIVE_MAX),
    default: '1m',
    description:
      'How long a client or a backend may be silent before TCP asks whether it is still there.',
    see: '#peers-that-vanish',
    flag: { group: 'Limits:', help: 'how long a peer may be silent before TCP asks it' },
  },
  drainTimeout: {
    place: 'command',
    kind: duration('0 ends them at once'),
    default: '30s',
    description: 'How long live sessions may go on after the first stop signal.',
    flag: { group: 'Limits:', help: 'for live sessions to finish when stopped' },
  },
  state: {
    place: 'command',
    kind: filePath(),
    unset: 'a restart takes it back',
    fixed: true,
    description: 'A file that keeps what is set of backends by hand over a restart.',
    see: 'runtime-changes.md#over-a-restart',
    flag: { group: 'How:', help: 'that keeps what is set by hand over a restart' },
  },
  logLevel: {
    place: 'command',
    kind: choice('a log level', LOG_LEVELS, 'level'),
    default: 'info',
    description: 'The least important line to log, on standard error.',
    flag: {
      group: 'Logs, on standard error:',
      help: 'least important line to log',
      listsNames: true,
    },
  },
  logFormat: {
    place: 'command',
    kind: choice('a log format', ['pretty', 'json'], 'format'),
    unset: 'pretty when a terminal reads it, else json',
    fixed: true,
    description: 'How a line of the log is written.',
    flag: { group: 'Logs, on standard error:', listsNames: true },
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingKey = keyof typeof settings;
/** The settings of some places. */
export type KeyOf<From extends Place> = {
  [Key in SettingKey]: (typeof settings)[Key]['place'] extends From ? Key : never;
}[SettingKey];
