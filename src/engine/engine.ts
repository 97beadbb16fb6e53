/**
 * What moves the bytes, seen from the proxy. Two engines stand behind this interface: `native`
 * (splice in the kernel, Linux) and `stream` (Node streams, any OS). Both pass the same behaviour
 * tests.
 */
import type { Socket } from 'node:net';
import type { ResolvedAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import type { CloseReason, QueueRefusal } from '../model/close-reason.js';
import type { Counters } from './counters.js';
import type { Listing, LiveSession } from './live-session.js';
import type { LoopFigures, PipeFigures } from './loops.js';
import type { SessionLimit } from './session-limit.js';
import type { AcceptingTables, EngineTables } from './tables.js';

/**
 * Where a client goes next: a backend by its row in the pool; `undefined` when none is left; `by cycle` when the engine
 * that accepted it is to pick by the cycle that it was given; `queue` when it is to wait for a place in the pool; `denied` when
 * it is not to be served at all.
 */
export type NextHop = number | 'by cycle' | 'queue' | 'denied' | undefined;

/**
 * What came of `queue`. `turn`: a place may be free; where it is of no use to the client, it goes on waiting, and is still the
 * first. `full`: no more may wait. `timeout`: it has waited for as long as one may.
 */
export type QueueWord = 'turn' | QueueRefusal;

/**
 * The backends to try for one client, best first. The engine asks for the first one when whoever gave it the client has
 * returned, before any backend hears of it, and for another each time that every address of the last one failed (or
 * that it had none, or no room).
 */
export interface Route {
  /** Number of the pool in whose queue the client waits. */
  readonly pool: number;
  /** @param word after `queue` */
  next(word?: QueueWord): NextHop | Promise<NextHop>;
}

/** What the search of one client for a backend may take. */
export interface SearchLimits {
  /** Milliseconds for all of it: attempts, and waits for what the machine lacks, but not in a queue; 0 is no limit. */
  readonly budgetMs: number;
  /** Attempts to connect, over all backends and addresses. */
  readonly attempts: number;
  /** Whether it ends after a second for a client that has ended its stream and sent nothing. Its session is `reset` then. */
  readonly abortOnClose: boolean;
}

/** Milliseconds; 0 switches a timeout off. */
export interface SessionTimeouts {
  readonly connectMs: number;
  readonly search: SearchLimits;
  readonly idleMs: number;
  readonly halfCloseMs: number;
  /** For the first byte, from either side, after the backend has answered. */
  readonly handshakeMs: number;
  /** After it has opened: a backend that ends it within this time, and has said nothing, has failed. */
  readonly earlyResetMs: number;
  /** Since the backend has answered, give or take a tenth. Then it ends as soon as it rests, or with its grace. */
  readonly maxAgeMs: number;
}

/** What an engine tells the proxy about one session, in this order, each at most once but what is said of addresses. */
export interface SessionObserver {
  /** One address of one backend refused, timed out or could not be reached. `code` is like `ECONNREFUSED`. */
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string): void;
  /** One address of one backend was still silent when another, which was tried later, answered. It has not failed. */
  onOutrun(backend: number, address: ResolvedAddress): void;
  /**
   * No local port was left to connect to an address of a backend from, so many times. It has not failed. Those of other
   * sessions may be counted in.
   */
  onNoPort(backend: number, address: ResolvedAddress, count: number): void;
  /**
   * This machine does not have an address that connections to a backend are to come from, so many times. The backend has not
   * failed, and the other addresses are used. Those of other sessions may be counted in.
   */
  onNoSource(backend: number, source: string, count: number): void;
  /** A backend has ended sessions early, without a byte: see `EngineTables.earlyResets`. Those of others may be counted in. */
  onEarlyReset(backend: number): void;
  /** A backend answered; bytes move from now on. Not called for `join`. */
  onOpen(backend: number): void;
  /**
   * The end. Counters of the session are final and stay readable. `cause` is the system's error, where there was one;
   * `client` the socket that `returnsClient` asked for.
   */
  onClose(reason: CloseReason, cause?: Error, client?: Socket): void;
}

/** The engine's side of one session. */
export interface EngineSession {
  /** Bytes passed from client to backend so far; live. */
  readonly bytesUpstream: number;
  /** Bytes passed from backend to client so far; live. */
  readonly bytesDownstream: number;
  /** Cuts both connections with a reset, at once. Safe at any time, also twice. */
  destroy(): void;
}

export interface ConnectRequest {
  /** The client's socket, connected. The engine owns it from this call on, whatever happens. */
  readonly client: Socket;
  /** Bytes that were read from it and travel before all else; the engine's own. */
  readonly head?: Uint8Array | undefined;
  /** It comes from a listener of the proxy, so that no program has it. */
  readonly isAccepted: boolean;
  /** Row of the listener in the counters. */
  readonly listener: number;
  /** Gives the client back, with all that was read from it, where no backend is left to try. */
  readonly returnsClient?: boolean | undefined;
  readonly route: Route;
  readonly timeouts: SessionTimeouts;
  readonly observer: SessionObserver;
}

/** What becomes of a client that the engine itself has accepted. */
export type SessionPlan = Pick<ConnectRequest, 'route' | 'observer'>;

/**
 * What becomes of clients that an engine accepts and picks backends for. With `none` the host is told only of those whom
 * every backend has failed. With `watch` it is told of each, who waits for its route's word for a quarter of a second, or
 * twice that where its loop comes late: while the host does not keep up, clients go on without. With `hold` each waits for that word, however long.
 */
export type Attention = 'none' | 'watch' | 'hold';

/** What an engine that accepts tells the proxy. Rows are those of the counters. */
export interface AcceptHost {
  /**
   * A client was taken, and somebody wants to know, or has to. Observers are not called before this returns, and the
   * route is not asked.
   *
   * @param isAwaited the engine waits for its route's word; else it tries all of its cycle by itself, or has done so
   */
  onAccepted(
    session: EngineSession,
    listener: number,
    client: ClientAddress,
    isAwaited: boolean,
  ): SessionPlan;
  /** As `SessionObserver.onAttemptFailed`, for so many clients of whom only the engine knows. */
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string, count: number): void;
  /** As `SessionObserver.onOutrun`, for clients of whom only the engine knows. */
  onOutrun(backend: number, address: ResolvedAddress): void;
  /** As `SessionObserver.onNoPort`, for clients of whom only the engine knows. */
  onNoPort(backend: number, address: ResolvedAddress, count: number): void;
  /** As `SessionObserver.onNoSource`, for clients of whom only the engine knows. */
  onNoSource(backend: number, source: string, count: number): void;
  /** As `SessionObserver.onEarlyReset`, for clients of whom only the engine knows. */
  onEarlyReset(backend: number): void;
  /**
   * A listener stopped accepting: the system's code, or `undefined` when the engine holds all the sessions it can, or the
   * listener all that it may by its own limit. EBUSY is for clients of whom the host has to be asked, and has too much to answer.
   */
  onPaused(listener: number, code: string | undefined, isOwnLimit: boolean): void;
  onResumed(listener: number): void;
  /**
   * So many clients were refused, the last of them from this address: it has as many sessions as one client may, of the listener
   * where that is its own limit.
   */
  onRefused(listener: number, address: string, count: number, isOwnLimit: boolean): void;
  /** So many sessions are not made known, since the host has not taken in time what it was told before. */
  onUnreported(count: number): void;
  /** Sessions go on without their routes' word, since the host has not taken for a while what it was told. */
  onLate(): void;
  /** So many clients were refused because they were connections of the engine's own; the last one was made to this address. */
  onCameBack(listener: number, address: ResolvedAddress, count: number): void;
}

/** Sessions that one client may have at once, over all listeners; 0 is any number. Unix clients have no limit. */
export interface ClientLimits {
  readonly remote: number;
  /** For 127.0.0.0/8 and ::1. */
  readonly loopback: number;
}

export interface JoinRequest {
  /** Taken as the client side. Owned by the engine from this call on, as is `backend`. */
  readonly client: Socket;
  readonly backend: Socket;
  /** Bytes that were read from the client and travel before all else; the engine's own. */
  readonly head?: Uint8Array | undefined;
  /** The same, read from the backend. */
  readonly backHead?: Uint8Array | undefined;
  readonly timeouts: SessionTimeouts;
  readonly observer: SessionObserver;
}

export interface Engine {
  readonly name: 'native' | 'stream';
  /** Live counters by listener and backend. */
  readonly counters: Counters;
  /** Sessions that this engine holds at once. */
  readonly limit: SessionLimit;
  /** What it goes by. */
  readonly tables: EngineTables;
  /** What its loops tell of themselves, now; none of an engine that has no loops. */
  loops(): readonly LoopFigures[];
  /** The pipes that it has; none after it is closed. */
  pipes(): PipeFigures;
  /** Counts a client of a listener that the engine does not accept on: it was refused, and is no session. */
  countRejected(listener: number): void;
  /**
   * Where this engine had connected to, when a client that it did not accept itself is that connection: it has come back.
   * `undefined` for anybody else, and for most of its connections: those who go round and round are told in the end.
   *
   * @param client just accepted
   */
  cameBack(client: Socket): ResolvedAddress | undefined;
  /**
   * Connects the client to the first backend of the route that answers, and relays. What was already
   * read from the client's socket (and is still in its read buffer) travels first.
   * @throws SplicewayError when the socket cannot be taken (TLS, destroyed, ended, no descriptor left, too many sessions);
   *   the socket is then untouched and still the caller's.
   */
  connect(request: ConnectRequest): EngineSession;
  /**
   * Joins two open sockets. What either had read travels first; what was queued for writing on either
   * is written before. Same errors as `connect`.
   */
  join(request: JoinRequest): EngineSession;
  /**
   * Hands over every session that is alive, some in each turn. One that lives all the while is handed over once. One that
   * begins or ends meanwhile may be among them.
   *
   * @param asked default: all sessions, without `transport`
   * @throws SplicewayError `ERR_SPLICEWAY_LOOP_STALLED`
   */
  list(visit: (session: LiveSession) => void, asked?: Listing): Promise<void>;
  /**
   * Ends sessions with a reset of both sides, by the ids of a list.
   *
   * @returns when they have ended, how many there were
   */
  end(ids: readonly string[]): Promise<number>;
  /** Accepts no more by itself. Resolves when no session is left; never when it is closed before. */
  drain(): Promise<void>;
  /** Destroys every session left, ends the threads, resolves when nothing is held any more. Idempotent. */
  close(): Promise<void>;
}

/** An engine that can accept without JavaScript. */
export interface AcceptingEngine extends Engine {
  readonly tables: AcceptingTables;
  /** To be said before anything is accepted. */
  serve(host: AcceptHost): void;
  /** For clients who come from now on; `hold` at first. Of those that it has to pick for, the host is asked in any case. */
  attend(attention: Attention): void;
}

/** `stream` ignores what is said to be the native engine's. */
export interface EngineOptions {
  /** Rows of the native engine's counters: how many listeners and backends there may be at once. */
  readonly listeners: number;
  readonly backends: number;
  /** Loops of the native engine. */
  readonly threads: number;
  /** How the native engine moves bytes. */
  readonly transfer: 'auto' | 'splice' | 'copy';
  /** How long its loops poll before they sleep, in microseconds; 0 is off. */
  readonly busyPollUs: number;
  /** How long a peer may be silent before TCP asks whether it is still there; whole seconds, 0 is off. */
  readonly keepAliveMs: number;
  /** Sessions at once at most, of both engines; without it, as many as the descriptors allow. */
  readonly maxSessions?: number | undefined;
}
