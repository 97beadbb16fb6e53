/** What a proxy tells its listeners. */
import type { SplicewayError } from '../errors.js';
import type { Session } from './session.js';

export interface BackendErrorEvent {
  /** Name of the backend. */
  readonly backend: string;
  /** Attempts that it stands for: with native accept and no listener of `session`, those of a moment are one event. */
  readonly count: number;
  /** `ERR_SPLICEWAY_BACKEND_FAILED`; the last one, where there are several. */
  readonly error: SplicewayError;
}

export interface NoBackendEvent {
  readonly session: Session;
  /** `ERR_SPLICEWAY_NO_BACKEND`. */
  readonly error: SplicewayError;
}

export interface PauseEvent {
  /** What ran out, or what limit was reached. */
  readonly reason: string;
  readonly openSessions: number;
}

export interface ResumeEvent {
  readonly openSessions: number;
}

export interface ProxyEvents {
  /**
   * A client was taken; its backend is being connected. Where the engine accepts by itself, it makes sessions known
   * only while somebody listens here, those that it has to ask about excepted.
   */
  session: [session: Session];
  /** One address of a backend could not be reached, or its name not be resolved. The next one is tried. */
  backendError: [event: BackendErrorEvent];
  /** No backend answered, and the client was disconnected. */
  noBackend: [event: NoBackendEvent];
  /** One line for a person. Goes to `process.emitWarning` when nobody listens. */
  warning: [message: string];
  /** A listener stopped accepting, for want of descriptors or at `maxSessions`; clients queue in the kernel. */
  listenerPaused: [event: PauseEvent];
  listenerResumed: [event: ResumeEvent];
}
