/** What a proxy tells its listeners. */
import type { SplicewayError } from '../errors/catalogue.js';
import type { HealthStatus } from '../model/health-status.js';
import type { BackendOverride } from '../model/overlay.js';
import type { UpdateResult } from '../model/update-result.js';
import type { Session } from './session.js';

/** What comes with `backendError`: a backend that could not be reached. */
export interface BackendErrorEvent {
  /** Name of the backend. */
  readonly backend: string;
  /** Name of its pool. */
  readonly pool: string;
  /**
   * Attempts that it stands for: with native accept and no listener of `session`, those of a moment are one event where
   * they failed at one address and in one way. A backend has eight such events at a time; the last stands for all others.
   */
  readonly count: number;
  /** `ERR_SPLICEWAY_BACKEND_FAILED`; the newest, where an event stands for several kinds. */
  readonly error: SplicewayError;
}

/** What comes with `backend`: the health of a backend is another. */
export interface BackendEvent {
  /** Name of its pool. */
  readonly pool: string;
  /** Name of the backend. */
  readonly backend: string;
  /** What it was before. */
  readonly from: HealthStatus;
  /** What it is now. */
  readonly to: HealthStatus;
  /** Why, in words for people: `expected 200, got 503 ×3`. */
  readonly reason: string;
}

/** What comes with `override`: what was set of a backend by hand is something else. */
export interface OverrideEvent {
  /** Name of its pool. */
  readonly pool: string;
  /** Name of the backend. */
  readonly backend: string;
  /** What was set before. */
  readonly from: BackendOverride;
  /** What is set now; empty where all of it was taken back. */
  readonly to: BackendOverride;
  /** Whether the backend was removed, and what was set of it with it. */
  readonly isGone: boolean;
}

/** What comes with `rebalance`: the sessions of a pool are being levelled, or are so no more. */
export interface RebalanceEvent {
  /** Name of the pool. */
  readonly pool: string;
  /** What has happened. */
  readonly state: 'begun' | 'over';
  /** Sessions that were ended for it, as far as is known: the loops may end some more. */
  readonly ended: number;
  /** Why, in words for people. */
  readonly reason: string;
}

/** What comes with `noBackend`: a client that nobody could serve. */
export interface NoBackendEvent {
  /** The client's session, which ends with the reason `no-backend`. */
  readonly session: Session;
  /** `ERR_SPLICEWAY_NO_BACKEND`, or `…_QUEUE_FULL` or `…_QUEUE_TIMEOUT` where it was to wait for a place. */
  readonly error: SplicewayError;
}

/** What comes with `listenerPaused`. */
export interface PauseEvent {
  /** The address that pauses, as `Session.listener`; `undefined` where Node accepts, and all of them pause at once. */
  readonly listener: string | undefined;
  /** Name of its listener: `default` in the short form. `undefined` as above. */
  readonly listenerName: string | undefined;
  /** What ran out, or what limit was reached. */
  readonly reason: string;
  /** Sessions alive at that moment, over all listeners and handoffs. */
  readonly openSessions: number;
}

/** What comes with `listenerResumed`. */
export interface ResumeEvent {
  /** The address that accepts again, as in `PauseEvent`. */
  readonly listener: string | undefined;
  /** Name of its listener, as in `PauseEvent`. */
  readonly listenerName: string | undefined;
  /** Sessions alive at that moment, over all listeners and handoffs. */
  readonly openSessions: number;
}

/** What a `Proxy` emits: the names of the events, and what their listeners are called with. */
export interface ProxyEvents {
  /**
   * A client was taken, and no backend has heard of it: none does where a listener destroys the session. Where the engine
   * accepts by itself, it makes sessions known only while somebody listens here, those that it has to ask about excepted. It
   * then waits for the listeners for a quarter of a second, or twice that where it comes late itself: while the event loop
   * stands still, clients go on without, and `unheard` counts them. `filter` is the sure way to deny.
   */
  session: [session: Session];
  /** One address of a backend could not be reached, or its name not be resolved. The next one is tried. */
  backendError: [event: BackendErrorEvent];
  /** Checks, clients that a backend has failed, or an operator say something else of its health. */
  backend: [event: BackendEvent];
  /** Another configuration is in effect, whoever has changed it. What was set by hand comes with `override`. */
  update: [result: UpdateResult];
  /** Something was set of a backend by hand, or taken back; or the backend was removed, and what was set of it with it. */
  override: [event: OverrideEvent];
  /** Idle sessions of a pool end so that their clients come back to backends that have fewer; or no more do. */
  rebalance: [event: RebalanceEvent];
  /** No backend answered, or had room in time, and the client was disconnected. */
  noBackend: [event: NoBackendEvent];
  /** One line for a person. Goes to `process.emitWarning` when nobody listens. */
  warning: [message: string];
  /** A listener stopped accepting, for want of descriptors or at `maxSessions`, its own or the process'; clients queue in the kernel. */
  listenerPaused: [event: PauseEvent];
  /** A listener that had paused accepts again, those first that waited in the kernel's queue. */
  listenerResumed: [event: ResumeEvent];
}
