/** What the addon exports. The C++ side only asserts its arguments; the checks are the callers'. */

/**
 * One engine: loops on their own threads.
 *
 * Sessions begin in two ways. JavaScript makes them of sockets that it has (`takeSlot`, then `start`). And the
 * loops make them of clients that they accept on descriptors given to `listen`; JavaScript hears of such a session
 * only while it observes, or when the loops need it to pick a backend.
 *
 * A session has a slot, a number below `maxSessions()`, until its loop is done with it, which is before JavaScript hears
 * of its end. So it is named by a number that no other one gets: its slot, and `SLOTS` times how often the slot had been
 * used before. What is asked of a session that has ended is not done.
 */
export interface NativeEngineBinding {
  /** Rows of `CounterRow`, one block a loop; see src/engine/counters.ts. Readable after `close()`. */
  counters(): ArrayBuffer;
  /** Rows of `LoopRow`, one a loop, and one that nobody writes; see src/engine/loops.ts. Readable after `close()`. */
  loops(): ArrayBuffer;
  /** Pipes that there are, and their bytes; how many there may be, and of how many bytes. */
  pipes(): Float64Array;
  /** Rows of `EndRow`, one a listener, one block a loop; see src/engine/ends.ts. Readable after `close()`. */
  ends(): ArrayBuffer;
  /**
   * Rows of `HistogramRow` for one pool, one a writer; see src/engine/histogram.ts. `undefined` where no loop has counted yet; else
   * always the same. May be called, and is readable, after `close()`.
   */
  histograms(pool: number): ArrayBuffer | undefined;
  /**
   * Bytes that a session has moved so far.
   * @param into two numbers: bytes upstream, bytes downstream; left as they are when the session has ended
   * @returns whether it is alive
   */
  moved(session: number, into: Float64Array): boolean;
  maxSessions(): number;

  /**
   * From here on changes of tables are collected, and published together by `publish()`: no loop picks by a part of them.
   * They are those of `setBackend`, `setSources`, `removeBackend`, `setPool`, `removePool` and `setListener`. Each of them is published at once
   * otherwise. All else takes effect at once in any case.
   */
  hold(): void;
  publish(): void;
  /** For `havePassed`. */
  postBarrier(): number;
  /** Whether every loop has done all that it was asked before this barrier, and goes by what was published before it. */
  havePassed(barrier: number): boolean;

  /**
   * Publishes the addresses of one backend, in the order to try them; may be empty. Sessions that set out for it afterwards
   * see them.
   * @param addresses `ip` with its port, or the path of a Unix socket with port -1
   * @param inTurn whether each session begins with the next one
   * @param pool the number of the one that the backend belongs to, in which its sessions count as long as they live. It stays
   *   the same, and is no other pool's before the rows of all its backends are vacant.
   */
  setBackend(
    row: number,
    addresses: readonly (readonly [ipOrPath: string, port: number])[],
    inTurn: boolean,
    pool: number,
  ): void;
  /**
   * Publishes which addresses of this machine connections to a backend come from, in turn; where there is none of a family of IP,
   * the kernel picks. They outlast `removeBackend`, and `resetBackendCounters`.
   * @param addresses IP addresses, 64 of each family at most
   */
  setSources(row: number, addresses: readonly string[]): void;
  /**
   * How many sessions a backend may have at once; 0 is any number. A backend that is full is passed over. It may change at
   * any time: sessions beyond it go on, and nobody comes before there are fewer.
   */
  limitBackend(row: number, maxSessions: number): void;
  /**
   * Whether new sessions set out for a backend; its own go on. Clients that wait there, for room or a descriptor, go elsewhere.
   * One that is down may be tried where none is up: see `setPool`.
   * @param state `BackendState`, by number
   */
  setBackendState(row: number, state: number): void;
  /**
   * How many sessions, one after the other, a backend has ended within `earlyResetMs` of their beginning without a byte. Its
   * next first byte to anybody forgets them, as `forgetEarlyResets` does.
   */
  earlyResets(row: number): number;
  forgetEarlyResets(row: number): void;
  /**
   * Takes a backend out; its sessions go on. No pool may have its row any more, as published, or as held with it, and
   * `connect` is to name it no more.
   * @returns what `isBackendVacant` is to be asked with
   */
  removeBackend(row: number): number;
  /**
   * Whether the row may be another backend's: every loop knows that it was removed, its last session has left, and no loop
   * looks for sessions to end there. Events that name it may still have to be taken: take all that there are before the
   * row is another's.
   * @param removed what `removeBackend` returned
   */
  isBackendVacant(row: number, removed: number): boolean;
  /** Sessions that a backend has now, those included that are on their way to it. */
  inUse(row: number): number;
  /** Whether some loop still looks for sessions of a backend, to end them as it was asked. */
  isSwept(row: number): boolean;
  /** Makes a vacant row as new for its next owner: counters of all writers, limit, state, failures. */
  resetBackendCounters(row: number): void;

  /**
   * Publishes how clients of a pool are served: tiers of backend rows, each a cycle. A client enters the first one, and is
   * sent on its way there; where that backend fails, or takes nobody, it goes on round the cycle, then round the next tier.
   * Each row has its turn once. Those that have failed lately come after all others. Turns, which all loops share, go on in
   * the round where they were in the plan before.
   * @param plan `Entry`, by number; for `hash`, the leading bits of an IPv4 and of an IPv6 address that count, and 1 where the
   *   port does; 1 where backends that are down are tried when none is up; then how many places each tier has, one tier at
   *   least, and 1 to 1,048,576 places (65,536 with `least` and `random`)
   * @param rows at those places, of all tiers; a row is in one tier only
   */
  setPool(pool: number, plan: Uint32Array, rows: Uint16Array): void;
  /** The pool is gone: JavaScript is asked (`needBackend`) for its clients. */
  removePool(pool: number): void;

  /**
   * How many sessions all backends of a pool may have together, those on their way included; 0 is any number. A pool that has as
   * many is full, and so are its backends. Clients for whom all backends that are up are full wait in the queue of their pool,
   * first come, first served. While some wait, whoever comes waits behind them. It may change at any time, publishes nothing,
   * and has those who wait look at once. They wait on where the queue is shorter now.
   * @param queueLength how many may wait; 0 switches the queue off
   * @param queueTimeoutMs for how long one may; 0 is any time. It is no part of the search.
   */
  limitPool(pool: number, maxSessions: number, queueLength: number, queueTimeoutMs: number): void;
  /** Makes limits, figures and histograms as new for the next pool of this number, once the rows of all its backends are vacant. */
  resetPool(pool: number): void;
  /** How many wait in the queue of a pool. */
  queued(pool: number): number;
  /**
   * Since the beginning, or `resetPool`: clients that were served from the queue of a pool, that waited there in vain, that
   * found it full, and that left by themselves.
   */
  poolFigures(pool: number): Float64Array;

  /**
   * Publishes what holds for clients that a listener takes from now on. It may change while it accepts. Clients that are
   * still looked for go on in the pool that is named last.
   * @param listener row of the counters
   * @param pool that loops pick from, which need not be there; `NONE` for none
   * @param picks `Picks.cycle`: the loops pick by the cycle of the pool, and ask JavaScript (`needBackend`) only while it
   *   attends, or when no backend of it answered; `Picks.ask`: JavaScript picks for every client
   * @param timeouts of its sessions, in milliseconds: connect; budget, attempts and 1 for `abortOnClose` of a search;
   *   idle, half-close and handshake; the time within which a backend must not end one that it has said nothing in; the age
   *   of an open session
   * @param clientLimits sessions at once of one client that is remote, and of one that is not; 0 is any number
   * @param serviceLimits of the listener of the configuration: its number, which no other ever has, and 0 for no limits of its
   *   own; sessions at once over all listeners that name it, of which 0 is any number; and the same of one client, as above
   */
  setListener(
    listener: number,
    pool: number,
    picks: number,
    timeouts: Uint32Array,
    clientLimits: Uint32Array,
    serviceLimits: Uint32Array,
  ): void;
  /**
   * Accepts on a listening socket, from now on, on all loops. Owns `fd`, whose queue may be shared with other descriptors. What
   * `setListener` said of the listener must have been published.
   * @param pauses whether it begins as after `pauseListener`
   */
  listen(listener: number, fd: number, pauses: boolean): void;
  /**
   * Accepts no more on a listener, paused or not; its sessions go on. Those who wait in the kernel's queue are taken first.
   * Returns at once.
   */
  closeListener(listener: number): void;
  /**
   * Whether the row may be another listener's: every loop has closed it, and every client that it took has begun and ended.
   * To be asked again until it is. As with `isBackendVacant`, all events are to be taken then.
   */
  isListenerVacant(listener: number): boolean;
  /** Makes the counters of a vacant row zero, and those of its ends, those of all writers, for its next owner. */
  resetListenerCounters(listener: number): void;
  /**
   * Clients of a listener wait in the kernel's queue until `resumeListener`. A pause for want of something is another
   * matter: neither ends the other. No event tells of this one.
   */
  pauseListener(listener: number): void;
  resumeListener(listener: number): void;

  /**
   * Closes every listener: clients that come later are refused. Pushes `drained` once, when no listener is open and
   * no slot is taken any more, which may be at once.
   */
  drain(): void;
  /**
   * Whether sessions that the loops accept from now on are reported, and wait (`needBackend`) for `connect` or `end`
   * before any backend hears of them. Say it before `listen`.
   * @param attention `Attention`, by number
   */
  attend(attention: number): void;

  /**
   * Where the engine had connected to, when the client that JavaScript accepted is that connection: it has come back.
   * `undefined` for anybody else.
   * @param ip of the client, with its port
   */
  cameBack(fd: number, ip: string, port: number): [ip: string, port: number] | undefined;

  /** The name of a session that is to be, which has a slot; or -1 when all are taken. `start` or `releaseSlot` follows. */
  takeSlot(): number;
  /** The session is not to be. Nothing is done where it has started, or its slot was released before. */
  releaseSlot(session: number): void;
  /**
   * Makes a session of a connected socket, which waits for a backend. Owns `fd` from here on: it is closed where the slot was
   * released, or the session has started before.
   * @param isKept whether the caller has a second descriptor of it
   */
  start(
    session: number,
    fd: number,
    prefix: Uint8Array | undefined,
    listener: number,
    timeouts: Uint32Array,
    isKept: boolean,
  ): void;
  /** Gives a session that waits for a backend one that is connected already. Owns `fd` from here on. */
  join(session: number, fd: number, prefix: Uint8Array | undefined): void;
  /**
   * Lets sessions that wait for a backend try every address of one, in order. Each answers with `opened` or, when
   * none of the addresses did, with `needBackend`.
   * @param picks pairs of session and backend row; `NONE` as the row has the loop pick, by the cycle
   */
  connect(picks: Float64Array): void;
  /**
   * Has sessions that wait for a backend, and that JavaScript picks for, wait in the queue of a pool: `needBackend` says why
   * that is over. One whose turn had come, and for which there was no place after all, keeps its place. Until it is answered,
   * nobody behind it has a turn.
   * @param sessions pairs of session and number of the pool
   */
  queue(sessions: Float64Array): void;
  end(session: number, ending: number): void;
  /**
   * The same for many at once.
   * @returns how many of them there were
   */
  endNamed(sessions: Float64Array, ending: number): number;
  /**
   * Ends all sessions of a backend, of a listener, or of the one at the other: a few in each turn of a loop, and perhaps some
   * that begin meanwhile. Of a backend open ones are ended; one that is on its way sets out for another.
   * @param backend `NONE`: whatever; and so is `listener`
   * @param ending `Ending`, by number
   */
  endSessions(backend: number, listener: number, ending: number): void;
  /**
   * Ends so many sessions of a backend at most, in order, with the reason `rebalanced`: of those that have been at rest for so
   * many milliseconds, as each loop comes by them.
   */
  endIdle(backend: number, idleMs: number, most: number): void;

  /**
   * Asks each loop for its live sessions. It looks at some in each turn.
   * @param figures also for what the kernel has measured of their connections
   * @param most of each loop so many at most, drawn by chance; 0 is all
   * @returns for `takeSessions`
   */
  listSessions(figures: boolean, most: number): number;
  /**
   * The records of a list, of `RECORD_BYTES` each, when every loop has written its own; `undefined` before. They are the
   * caller's, and the list is forgotten.
   * @param givesUp forgets it in any case
   */
  takeSessions(list: number, givesUp: boolean): ArrayBuffer | undefined;

  /** Fills `into` with events of `EVENT_WORDS` numbers and returns how many; call until fewer than fit come. */
  takeEvents(into: Int32Array): number;
  /** Whether the engine keeps the process alive. It does not at first. */
  ref(): void;
  unref(): void;
  /** Resets what is left and joins the threads. No other method but `histograms` may be called afterwards. */
  close(): void;
}

export interface NativeEngineOptions {
  readonly threads: number;
  /** Rows of listeners and of backends at most. Those that are never used cost nothing. */
  readonly listeners: number;
  readonly backends: number;
  /** `Transfer`, by number. */
  readonly transfer: number;
  /** How long a loop that has nothing to do polls before it sleeps, in microseconds; 0 sleeps at once. */
  readonly busyPollUs: number;
  /** After so many seconds of silence TCP asks whether a peer is still there; 0 never does, 32767 is the most. */
  readonly keepAliveS: number;
  /** Fewer sessions than the descriptors allow; 0 is as many as those do. */
  readonly maxSessions: number;
}

export interface NativeBinding {
  /** Of the package that it was built for: all else here may differ from version to version. */
  readonly version: string;
  /**
   * @param doorbell called on this thread when there are events to take
   * @throws Error with `errno` when the system has no descriptor or thread left
   */
  readonly Engine: new (
    options: NativeEngineOptions,
    doorbell: () => void,
  ) => NativeEngineBinding;
  /** F_DUPFD_CLOEXEC: a new descriptor of the caller's, non-blocking, or errno's number negated. */
  duplicateDescriptor(fd: number): number;
  /** Closes a descriptor that `duplicateDescriptor` gave. */
  closeDescriptor(fd: number): void;
  /** Has a descriptor closed when this thread's environment goes, as it does when a worker is terminated. */
  guardDescriptor(fd: number): void;
  /** Takes that back; must come before the descriptor is closed or given away. */
  unguardDescriptor(fd: number): void;
  /**
   * What a descriptor is to somebody who wants to accept on it: the index of one of `inheritedKinds`, and the path
   * that a Unix socket is bound to (an abstract name after an `@`).
   */
  inspectSocket(fd: number): { kind: number; path: string };
  /** Who is at the other end of a Unix socket, as they were when they connected; nothing where the kernel does not say. */
  peerCredentials(fd: number): { pid: number; uid: number; gid: number } | undefined;
  /**
   * Sends one datagram to a Unix socket: 0, or errno's number.
   * @param to a path, or an abstract name after an `@`
   * @param waits blocks for a second at most where the other's queue is full
   */
  notify(to: string, text: string, waits: boolean): number;
  /** What pipes may cost on this machine. */
  pipeBudget(): { bytes: number; pipes: number; maxSessions: number };
  /** 0 when splice works here, else errno's number. */
  trySplice(): number;
  /** Whether TCP sends by a timer here, and the engine switches that off for what goes to loopback addresses. */
  pacesUnlessTold(): boolean;
  /** Ends the process, and waits for no thread as `process.exit()` does. Nothing is done that is to be done at exit. */
  exitAtOnce(status: number): never;
}

/**
 * Numbers an event: kind, slot, how often the slot had been used before, backend row, reason, errno, listener row, count,
 * and an address of five words: port (-1 for none, or a Unix socket), then the 16 bytes of an IPv6 address in network order
 * (IPv4 as `::ffff:a.b.c.d`). For `closed`, the last four are two unsigned numbers of 64 bits: bytes upstream and downstream.
 * `SessionEvent` in native/core/engine/event_queue.h.
 */
export const EVENT_WORDS = 13;
export const EventWord = {
  kind: 0,
  slot: 1,
  generation: 2,
  backend: 3,
  reason: 4,
  errno: 5,
  listener: 6,
  count: 7,
  port: 8,
  ip: 9,
} as const;

/**
 * Of a record of a live session. Words of 32 bits: `isTaken`, 0 where no session is in this slot; how often the slot had been
 * used before; rows of listener and backend, and the number of the pool in whose queue it waits; its phase, by number; then
 * the client's address and the backend's, of five words each as in an event, but with a port of -2 for none at all. Then four
 * numbers of 64 bits: its age and, of an open one, since when nothing has moved, in milliseconds; bytes upstream and
 * downstream. Last, where they were asked for, what the kernel has measured of the client's connection and the backend's, of
 * three words each: round trip in microseconds, segments with data sent, and how many were sent again. `SessionRecord` in native/core/engine/session_list.h.
 */
export const RECORD_BYTES = 120;
export const RecordWord = {
  isTaken: 0,
  generation: 1,
  listener: 2,
  backend: 3,
  pool: 4,
  phase: 5,
  clientPort: 6,
  clientIp: 7,
  backendPort: 11,
  backendIp: 12,
  age: 16,
  quiet: 18,
  bytesUpstream: 20,
  bytesDownstream: 22,
  clientFigures: 24,
  backendFigures: 27,
} as const;

/** More than an engine has. `Engine::kMostSessions` in native/core/engine/engine.h. */
export const SLOTS = 2 ** 20;

/** A number that names nothing: no session, no backend, no listener. */
export const NONE = -1;

/**
 * What happened. Failures of sessions that JavaScript has not heard of name no session; those of one backend that come
 * before they are taken are one event, with their `count`, and errno and address of the last. So are the refusals of
 * one listener, for each of the two reasons.
 */
export const EventKind = {
  /** One address of a backend failed: backend, errno, the address; session or count. */
  attemptFailed: 0,
  /** A backend answered: session, backend. */
  opened: 1,
  /** The end of a session, whose slot may be another's by now: session, reason, errno, bytes. */
  closed: 2,
  /**
   * A loop took a client: session, listener, the client's address; in `reason` 1 where the loop waits for a word about it, and
   * asks with `needBackend`, and 2 where it has looked for a backend in vain.
   */
  accepted: 3,
  /**
   * The session waits for a pick: session. Where the loops pick, it is asked of a client that is new while JavaScript attends,
   * and when every backend of the cycle has failed, or there is no pool; a session that was not reported is reported by
   * `accepted` first. `reason` is one of `Needs`.
   */
  needBackend: 4,
  /**
   * A listener stopped accepting for want of something: listener, errno (0: all slots are taken, or, with 1 in
   * `reason`, the listener of the configuration has as many sessions as it may; EBUSY: JavaScript has too much to answer).
   */
  paused: 5,
  /** It accepts again: listener. */
  resumed: 6,
  /** See `drain()`. */
  drained: 7,
  /** Clients had as many sessions as one may: listener, count, the address of the last one; in `reason` 1 where it is the limit of its listener. */
  refused: 8,
  /** Another address of the backend, tried later, answered before this one: session as for `attemptFailed`, backend, address. */
  outrun: 9,
  /** Clients were connections of the engine's own: listener, count, the address that the last one had been made to. */
  cameBack: 10,
  /**
   * No local port was left to connect to a backend from: backend, count, the address; in `slot` the last session that
   * JavaScript knows, if it was that one. They try others, or wait.
   */
  noPort: 11,
  /**
   * Sessions are not reported, because more events wait than JavaScript takes: listener, count. With them are those whom
   * every backend of the cycle has failed, and who end without a question.
   */
  unreported: 12,
  /** Sessions go on without a word, because none has come for a while: listener, count of those that had waited for it. */
  late: 13,
  /**
   * A backend has ended sessions early, without a byte: backend, count; in `slot` as for `noPort`. `earlyResets` tells how many
   * in a row.
   */
  earlyReset: 14,
  /** This machine does not have a source address: backend, count, the address without its port; in `slot` as for `noPort`. */
  noSource: 15,
} as const;

/** Why a session needs a backend. `Worker::Asked` in native/core/engine/worker.h. */
export const Needs = {
  first: 0,
  /** Its search is over: no other is tried. */
  searchOver: 1,
  /** Some were tried. */
  tried: 2,
  /** All backends that are up are full, and so is the queue of their pool. */
  queueFull: 3,
  /** It has waited in the queue for as long as one may. */
  queuedInVain: 4,
  /** Its turn in the queue has come: there may be a place. For sessions that JavaScript picks for. */
  turn: 5,
} as const;

/** What becomes of clients that the loops pick for. `Attention` in native/core/engine/crew.h. */
export const Attention = { none: 0, watch: 2, hold: 3 } as const;

/** Who picks backends for a listener. `Picks` in native/core/select/listener_options.h. */
export const Picks = { cycle: 0, ask: 1 } as const;

/** Where a client enters a cycle. `PickEntry` in native/core/select/pick_plan.h. */
export const Entry = { turn: 0, least: 1, random: 2, first: 3, hash: 4 } as const;

/** Whether new sessions set out for a backend: not where it drains, or is down. `BackendState` in native/core/select/backend_row.h. */
export const BackendState = { up: 0, drain: 1, down: 2 } as const;

/** What a descriptor is that was inherited, by number. `Inherited` in native/core/sys/sys.h. */
export const inheritedKinds = [
  'listening',
  'not open',
  'no socket',
  'no stream',
  'other family',
  'connected',
  'not listening',
] as const;
export type InheritedKind = (typeof inheritedKinds)[number];

/** How bytes are moved. `Transfer` in native/core/relay/relay.h. */
export const Transfer = { auto: 0, splice: 1, copy: 2 } as const;

/** `Ending` in native/core/session/session.h. */
export const Ending = { reset: 0, noBackend: 1, denied: 2 } as const;

/** `CloseReason` in native/core/session/session.h, by number; 'ended' means that `end` was called. */
export const closeReasons = [
  'finished',
  'reset',
  'idle-timeout',
  'half-close-timeout',
  'handshake-timeout',
  'ended',
  'max-age',
  'rebalanced',
] as const;
