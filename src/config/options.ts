/** The configuration as users write it: the argument of `createProxy()`, and the keys of a file. */

import type {
  AcceptChoice,
  AddressesChoice,
  EngineChoice,
  TransferChoice,
} from '../model/choices.js';
import type { FilterFunction } from '../policy/filter-function.js';
import type { PickFunction } from '../policy/pick-function.js';
import type { PolicyName } from '../policy/registry.js';
import type { Duration } from './duration.js';
import type { HealthOptions, HealthShorthand } from './health-options.js';

/** A listener with its options spelled out; the text form of a Unix one is `unix:/path[,mode=0660][,user=U][,group=G]`. */
export interface ListenerOptions {
  /** `host:port`, `:port`, `[v6]:port`, `unix:/path` or `fd:3`. The options below are for `unix:/path` alone. */
  address: string;
  /**
   * Permissions of the socket: text of three octal digits, `0660`. Whoever may write to it may connect. It is never
   * wider than this, not for a moment. Default: 0777 less the umask, which mostly lets only its owner connect.
   */
  mode?: string | undefined;
  /** Its owner, by name or number. Takes root or `CAP_CHOWN`. Default: who runs the program. */
  user?: string | number | undefined;
  /**
   * Its group, by name or number: one that the program is in, or any for root. Default: that of the program, or that of
   * the folder where it has the setgid bit.
   */
  group?: string | number | undefined;
}

/** A backend with its options spelled out; the text form is `ADDRESS[,name=NAME][,weight=N][,max-sessions=N][,addresses=all][,backup][,priority=N]`. */
export interface BackendOptions {
  /**
   * What logs, stats and `handoff()` call it: `a-z`, `0-9`, `.`, `_` and `-`, with a letter or a digit first. No two
   * backends of a pool have the same. Default: its address.
   */
  name?: string | undefined;
  /** `host:port`, `[v6]:port` or `unix:/path`. A name is resolved at start, every `resolveEvery`, and when connecting fails. */
  address: string;
  /** Share of new sessions, against the weights of the others: a whole number, 1 to 1000. Default 1. */
  weight?: number | undefined;
  /**
   * Sessions that it may have at once, those included that are on their way to it: 1 to 1048576. Clients pass over
   * a backend that is full, as they would one that is down; when all are, they wait in the `queue` of the pool, or are
   * disconnected. Default: any number.
   */
  maxSessions?: number | undefined;
  /**
   * Where its name has several addresses: `first`, the first that answers, until it fails, or `all`: sessions use them in
   * turn. They are one backend all the same, with one weight and one `maxSessions`. Default `first`.
   */
  addresses?: AddressesChoice | undefined;
  /**
   * Clients go to backends of the lowest priority, and to others only when none of those can be reached or has room: 0 to
   * 255. Default 0.
   */
  priority?: number | undefined;
  /** The same as priority 1. Not both. */
  backup?: boolean | undefined;
  /**
   * What a policy of your own wants to know of it, as in `{ zone: 'eu-1' }`: 16 entries at most. A key is as a name, and has
   * 63 letters at most; a value is text of 255 letters at most.
   */
  tags?: Readonly<Record<string, string>> | undefined;
}

/** Settings of the whole process. Every field has a default. */
export interface ProcessSettings {
  /**
   * What moves the bytes: `native` (splice, Linux only), `stream` (Node streams, anywhere), or `auto`:
   * native where it runs, else stream with a warning. Default `auto`.
   */
  engine?: EngineChoice | undefined;
  /**
   * Who accepts connections: `native` (the loops of the native engine, which then need no JavaScript for a client),
   * `node` (a `net.Server` that hands each one over), or `auto`: native with the native engine, but for a worker of
   * `node:cluster`, which shares its listeners through Node, and for a unix listener on a file system without hard
   * links, with a warning. Default `auto`.
   */
  accept?: AcceptChoice | undefined;
  /** Threads of the native engine, 1 to 256. Default `os.availableParallelism()`. */
  threads?: number | undefined;
  /**
   * How the native engine moves bytes: `splice`, `copy`, or `auto`: it copies while messages are small, and splices
   * when a stream proves bulk. The stream engine ignores it. Default `auto`.
   */
  transfer?: TransferChoice | undefined;
  /**
   * How long a loop of the native engine that has nothing to do polls before it sleeps: lower latency, paid for with
   * a busy core. Takes microseconds as well, `50us`; at most `1s`. The stream engine ignores it. Default `0`, off.
   */
  busyPoll?: Duration | undefined;
  /**
   * Sessions at once at most, over all listeners and `handoff()`: 1 to 1048576. When they are all open, listeners
   * pause, and clients wait in the kernel's queue until some end; the stream engine where no addon loads lets 256
   * of them wait and disconnects the others. `handoff()` throws then. Default, and upper bound with the native
   * engine: what the file descriptors allow, two a session.
   */
  maxSessions?: number | undefined;
  /**
   * Sessions at once from one client's address at most, over all listeners: 1 to 1048576. One more is refused with a
   * reset, counted as `rejected`, and a warning says so, once a second. Addresses of IPv6 count by their /64, in which
   * every host has as many as it likes. Default: half of `maxSessions` for addresses that are not loopback, where the
   * engine knows a figure. Raise it where many clients share one address, as behind a NAT or another proxy.
   */
  maxSessionsPerClient?: number | undefined;
  /**
   * How often names of backends are looked up again, to follow those that move while their old address still answers.
   * New sessions go to the new addresses; others stay. `0`: only when connecting fails. Default `30s`.
   */
  resolveEvery?: Duration | undefined;
  /**
   * How long a peer of a TCP connection, client or backend, may be silent before the kernel asks whether it is still
   * there: whole seconds, rounded up, at most `9h`. Each is asked at a time of its own, after half of that or more. One
   * that answers nothing is lost. `0`: nobody is asked. Sockets of `handoff()` are as you made them. Default `1m`.
   */
  keepAlive?: Duration | undefined;
}

/** Settings of a listener: what holds for its clients. Every field has a default. */
export interface ListenerSettings {
  /**
   * Who is let in: a function that is called for each client of a listener, before any backend hears of it, and answers
   * with `true` or `false`, or a promise of that. For programs alone; not asked for `handoff()`. Default: everybody.
   */
  filter?: FilterFunction | undefined;
  /** How long a session may live with no byte moving either way. `0`: for ever. Default `1h`. */
  idleTimeout?: Duration | undefined;
  /** How long a session may live, with no byte moving, after one side ended its stream. `0`: for ever. Default `5m`. */
  halfCloseTimeout?: Duration | undefined;
  /**
   * How long a session may live, once its backend has answered, before either side sends its first byte. Where the
   * server speaks first, as MySQL does, a client that stays silent after that is the server's to time out. `0`: for
   * ever. Default `1m`.
   */
  handshakeTimeout?: Duration | undefined;
}

/** Sessions may go on for a time, and then end. */
export interface OnRemoveAfter {
  /** How long, more than 0. */
  after: Duration;
}

/** How many clients wait for a place, and how long. */
export interface QueueOptions {
  /** How many may wait at once: 0 to 1048576. `0`: nobody waits. */
  length: number;
  /** How long each may wait. `0`: any time. Default: the `connectTimeout` of the pool. */
  timeout?: Duration | undefined;
}

/** Settings of a pool: how its backends are used. Every field has a default. */
export interface PoolSettings {
  /**
   * How the backend of a session is picked: `round-robin`, `least-connections`, `random`, `first`, `source-hash`, or, in a
   * program, a function that is called for each client. Default `round-robin`.
   */
  policy?: PolicyName | PickFunction | undefined;
  /**
   * What of a client `source-hash` goes by: `address`; `address-and-port`; or so many bits of its address, `/24` for IPv4,
   * with /64 for IPv6, or `/24,/56` for the two. Default `address`.
   */
  hashKey?: string | undefined;
  /**
   * Slots of the table of `source-hash`: 65537 or 655373. With more of them backends have their shares more exactly, which
   * matters for hundreds of them. Default `65537`.
   */
  hashSlots?: 65_537 | 655_373 | undefined;
  /**
   * How long a policy that is a function may take to answer with a promise. Then the client is disconnected. `0`: any time.
   * Default `1s`.
   */
  pickTimeout?: Duration | undefined;
  /**
   * Sessions at once over all backends of the pool at most, those included that are on their way: 1 to 1048576. With as many
   * all its backends are full. Default: any number.
   */
  maxPoolSessions?: number | undefined;
  /**
   * How many clients may wait for a place where every backend that is up is full, as a number or with the time that each may
   * wait. Who came first is served first. When the queue is full, and when the time is over, a client is disconnected.
   * Default `0`, off.
   */
  queue?: number | QueueOptions | undefined;
  /** How long one address of a backend may take to answer. `0`: as long as the system allows. Default `5s`. */
  connectTimeout?: Duration | undefined;
  /**
   * How long a client may wait for a backend, over all backends and addresses that are tried for it, and for descriptors
   * and ports. Then it is disconnected. `0`: as long as all attempts take. Default: three times `connectTimeout`.
   */
  connectBudget?: Duration | undefined;
  /** Attempts to connect that one client may cost at most, over all backends and addresses: 1 to 100. Default 32. */
  connectAttempts?: number | undefined;
  /**
   * Whether the search for a backend ends after a second for a client that has ended its stream and sent nothing. It has
   * left, most likely; one that only listens is served by a backend that answers until then. Default `true`.
   */
  abortOnClose?: boolean | undefined;
  /**
   * Clients that a backend has failed, one after the other, until it is ejected: it gets no new sessions for a while. The last
   * backend that takes sessions is not ejected, nor are more than half of the pool. 1 to 1000. Default 5.
   */
  ejectAfter?: number | undefined;
  /** How long a backend is ejected the first time; each that soon follows is twice as long. `0`: none is ejected. Default `10s`. */
  ejectFor?: Duration | undefined;
  /** How long a backend is ejected at most. `0`: any time. Default `5m`. */
  ejectForMax?: Duration | undefined;
  /**
   * Addresses of this machine that connections to the backends come from, and those of health checks: one, or a list of up to
   * 64, which are used in turn. Where one has no port left for a backend, the next one is tried at once. A backend with an
   * address of a family of IP that none of them has is connected to as without this; so are Unix sockets. Default: the
   * kernel picks one.
   */
  from?: string | readonly string[] | undefined;
  /**
   * A session that its backend resets, or ends, within this time of its beginning, without having sent a byte, is one that the
   * backend has failed, as one that could not connect: it counts for `ejectAfter`, until a session gets a byte from it. Not for
   * servers that only listen. `0`: only who cannot connect counts. Default `0`, off.
   */
  earlyReset?: Duration | undefined;
  /**
   * What a client meets where no backend is up: `fail`, it is refused; `try`, those that are down or ejected are tried all the
   * same. Default `fail`.
   */
  whenAllDown?: 'fail' | 'try' | undefined;
  /**
   * How long the share of a backend grows that was added to a running proxy, or is up again: from a tenth to all of it. Not with
   * `source-hash`, whose places stay. `0`: it has all at once. Default `0`, off.
   */
  slowStart?: Duration | undefined;
  /**
   * How long a session may live since its backend has answered, give or take a tenth at random. Then it is due: it ends as
   * soon as it rests, and after a tenth of this time, but 10 s at least, in any case. Sessions that began before a change keep
   * theirs. `0`: any time. Default `0`, off.
   */
  maxSessionAge?: Duration | undefined;
  /**
   * How many idle sessions a second may end when a backend was added, or is up again, so that their clients come back to
   * it: until the load is level by the weights. 1 to 10000. Not with `first` and `source-hash`, which send clients where
   * they were. Default: clients stay where they are.
   */
  rebalance?: number | undefined;
  /** How long a session must have been idle for that. `0`: whatever is at rest. Default `10s`. */
  rebalanceIdle?: Duration | undefined;
  /**
   * What becomes of the sessions of a backend that a check finds down, or that is set down: as `onRemove`. With a time, they may
   * go on for so long, or until it is up again. Default `keep`.
   */
  onDown?: 'keep' | 'close' | OnRemoveAfter | undefined;
  /**
   * What becomes of the sessions of a backend that is removed, moved to another address, drained or put in maintenance:
   * `keep`, they go on; `close`, they end at once; or `{ after: '30s' }`, they may go on for so long. Default `keep`.
   */
  onRemove?: 'keep' | 'close' | OnRemoveAfter | undefined;
  /**
   * How backends are asked, again and again, whether they work: the name of a type, such as `tcp`, or an object. A backend
   * that does not work is down, and gets no new sessions. Default: nobody is asked.
   */
  health?: HealthShorthand | HealthOptions | undefined;
}

/** Everything about a proxy but where it listens and what it connects to. Every field has a default. */
export interface ProxySettings extends ProcessSettings, ListenerSettings, PoolSettings {}

/** The short form: one listener and one pool, which are both named `default`. Unknown keys are errors. */
export interface ShortOptions extends ProxySettings {
  /**
   * Where clients connect: `host:port`, `:port` for all interfaces, `[v6]:port`, `unix:/path`, or `fd:3` for a listening
   * socket that the process was started with, which the proxy owns from when it listens; one or
   * several. Port 0 takes any free port. Who may connect to a Unix socket is said in the object form. May be left out
   * when sockets come from `handoff()` alone.
   */
  listen?: string | ListenerOptions | readonly (string | ListenerOptions)[] | undefined;
  /** The servers behind the listeners, at least one, no address twice. */
  backends: string | BackendOptions | readonly (string | BackendOptions)[];
}

/** A listener of the long form. Its settings hold for its own clients. Unknown keys are errors. */
export interface NamedListenerOptions extends ListenerSettings {
  /** Where its clients connect; one or several, in the forms of `listen`. No two listeners share one. */
  address: string | ListenerOptions | readonly (string | ListenerOptions)[];
  /** The pool that serves its clients, by its name. Default: the pool named `default`, where there is one. */
  pool?: string | undefined;
  /**
   * Sessions of this listener at once at most, over all its addresses: 1 to 1048576. When they are all open, it pauses, and its
   * clients wait in the kernel's queue until some end; other listeners go on. `maxSessions` of the process counts as well. A
   * lower one ends no session. Default: any number.
   */
  maxSessions?: number | undefined;
  /**
   * Sessions of this listener at once from one client's address at most: 1 to 1048576. One more is refused, as with
   * `maxSessionsPerClient` of the process, which counts as well. Where a listener gets this limit while it runs, sessions count
   * that begin from then on. Default: any number.
   */
  maxSessionsPerClient?: number | undefined;
}

/** A pool of the long form. Its settings hold for its own backends. Unknown keys are errors. */
export interface PoolOptions extends PoolSettings {
  /** Its servers, at least one, no address and no name twice. */
  backends: string | BackendOptions | readonly (string | BackendOptions)[];
}

/**
 * The long form: several listeners and pools, each with a name of `a-z`, `0-9`, `.`, `_` and `-` that begins with a letter
 * or a digit. Unknown keys are errors, and so are those of the short form.
 */
export interface LongOptions extends ProcessSettings {
  /** The listeners by their names. May be left out when sockets come from `handoff()` alone. */
  listeners?: Readonly<Record<string, NamedListenerOptions>> | undefined;
  /** The pools by their names, at least one. */
  pools: Readonly<Record<string, PoolOptions>>;
}

/**
 * Options of `createProxy()`, in the short form or the long one. Durations are text (`500ms`, `5s`, `1m`, `1h`) or a whole
 * number of milliseconds. Unknown keys are errors.
 */
export type ProxyOptions =
  // What is of the other form is named, so that compilers and editors mark it.
  | (ShortOptions & { readonly [Key in 'listeners' | 'pools']?: undefined })
  | (LongOptions & {
      readonly [Key in Exclude<keyof ShortOptions, keyof LongOptions>]?: undefined;
    });
