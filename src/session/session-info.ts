import type { ClientAddress } from '../model/client-address.js';
import type { SessionPhase } from '../model/session-phase.js';
import type { SessionTransport } from '../model/session-transport.js';

export type { SessionPhase, SessionTransport };

/** A live session at one moment, as `Proxy.sessions()` tells of it: also one that no program has heard of. */
export interface SessionInfo {
  /** Stays the same as long as the session lives, and is never another one's, also not of another run of the program. It is not the `id` of a `Session`. */
  readonly id: string;
  /** Who connected. */
  readonly client: ClientAddress;
  /** Address of the listener that accepted the client; `handoff` where none did. */
  readonly listener: string;
  /** Name of the pool that its backend is picked from; `undefined` where that pool is gone. */
  readonly pool: string | undefined;
  /** Name of the backend that it has, or that is tried; `undefined` while there is none. */
  readonly backend: string | undefined;
  /** Where that is, such as `10.0.1.4:3306` or `unix:/run/db.sock`. */
  readonly backendAddress: string | undefined;
  /** How far it has come. */
  readonly phase: SessionPhase;
  /** Milliseconds since the client was taken. */
  readonly ageMs: number;
  /** Milliseconds since a byte moved, or else since a backend answered; `undefined` before. */
  readonly idleMs: number | undefined;
  /** Bytes passed from client to backend so far. */
  readonly bytesUpstream: number;
  /** Bytes passed from backend to client so far. */
  readonly bytesDownstream: number;
  /** How its connections fare, where that was asked for. The stream engine does not know. */
  readonly transport?: SessionTransport | undefined;
}

/** What `Proxy.sessions()` is to tell. Unknown keys are errors. */
export interface SessionsOptions {
  /** Also `transport`, for which the kernel is asked about both connections of each session. Default: false. */
  transport?: boolean | undefined;
  /**
   * Only so many sessions of each loop at most, drawn by chance among all of them, of which the filter then leaves those that
   * are meant; from 1 to 1000. So the loops have as much to do however many there are. The stream engine is one loop. Default: all.
   */
  sample?: number | undefined;
}

/** Which sessions are meant: those to which all applies that is said. Unknown keys are errors. */
export interface SessionFilter {
  /** Name of a listener, or one of its addresses; `handoff` for those that none has accepted. */
  listener?: string | undefined;
  /** Name of a pool. */
  pool?: string | undefined;
  /** Name of a backend, of whatever pool. Those are meant, too, that are on their way to it. */
  backend?: string | undefined;
  /** Address of a client, or of its network: `192.0.2.7`, `10.1.0.0/16` or `2001:db8::/32`. */
  client?: string | undefined;
}
