/** One client joined to one backend, as users of the library see it. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { type InspectOptions, inspect } from 'node:util';
import type { EngineSession } from '../engine/engine.js';
import type { SplicewayError } from '../errors/catalogue.js';
import type { ClientAddress } from '../model/client-address.js';
import type { CloseReason } from '../model/close-reason.js';
import { now, setImmediate } from '../timers.js';
import { emitSafely } from './emit.js';

export type { ClientAddress, CloseReason };

/** How far a session has come. */
export type SessionState =
  /** The client was taken, and no backend has answered yet. */
  | 'connecting'
  /** A backend answered; bytes move. */
  | 'open'
  /** It has ended; figures are final. */
  | 'closed';

/** What is known of a session at one moment. */
export type SessionFigures = Readonly<
  Pick<
    Session,
    | 'id'
    | 'client'
    | 'listener'
    | 'pool'
    | 'state'
    | 'openedAt'
    | 'backend'
    | 'bytesUpstream'
    | 'bytesDownstream'
  >
>;

/** How a session ended; figures are final. */
export interface SessionSummary {
  /** Why it ended. */
  readonly reason: CloseReason;
  /** The backend that answered, by name; `undefined` when none did, and for `join()`. */
  readonly backend: string | undefined;
  /** Bytes passed from client to backend. */
  readonly bytesUpstream: number;
  /** Bytes passed from backend to client. */
  readonly bytesDownstream: number;
  /** Milliseconds from the moment the client was taken, with fractions. */
  readonly durationMs: number;
  /** For every reason but `finished`. */
  readonly error: SplicewayError | undefined;
  /**
   * The client of a `handoff()` with `onFailure: 'return'` that no backend answered: open, paused, and yours again, with
   * all that was read from it before in its read buffer. It may be another object than the one that was handed over.
   */
  readonly socket?: Socket | undefined;
}

/** What a `Session` emits: the names of the events, and what their listeners are called with. */
export interface SessionEvents {
  /** A backend answered; bytes move from now on. */
  open: [backend: string];
  /** The end, always emitted once. */
  close: [summary: SessionSummary];
  /** Before `close`, when the session did not finish by itself. Nothing is thrown when nobody listens. */
  error: [error: SplicewayError];
}

/** What a session is told at its start. */
export interface SessionOrigin {
  readonly id: number;
  readonly client: ClientAddress;
  readonly listener: string;
  readonly pool: string | undefined;
}

/**
 * Emits `open`, `error` and `close`; see `SessionEvents`. Each comes in a turn of Node's event loop of its own, so that a
 * listener of one may await something that is there before it listens for the next.
 */
export class Session extends EventEmitter<SessionEvents> {
  /** Counts up from 1, for each proxy. */
  readonly id: number;
  /** Who connected; for `join()` the other end of its first socket. */
  readonly client: ClientAddress;
  /** Address of the listener that accepted the client; `handoff` or `join` where none did. */
  readonly listener: string;
  /** Name of the pool that its backend is picked from; `undefined` for `join()`. */
  readonly pool: string | undefined;
  /** When the client was taken. */
  readonly openedAt: Date = new Date();
  readonly #startedAt = now();
  #engineSession: EngineSession | undefined;
  #state: SessionState = 'connecting';
  #backend: string | undefined;
  #summary: SessionSummary | undefined;
  #closed: Promise<SessionSummary> | undefined;
  #resolveClosed: ((summary: SessionSummary) => void) | undefined;
  /** What is still to be told; each gives whether anybody listened. */
  readonly #steps: (() => boolean)[] = [];
  /** Something was told in this turn. */
  #isResting = false;

  /** @internal Sessions are made by `createProxy()`, `handoff()` and `join()`. */
  constructor(origin: SessionOrigin) {
    super();
    this.id = origin.id;
    this.client = origin.client;
    this.listener = origin.listener;
    this.pool = origin.pool;
  }

  /** How far it has come; live. */
  get state(): SessionState {
    return this.#state;
  }

  /** Name of the backend, once it answered. */
  get backend(): string | undefined {
    return this.#backend;
  }

  /** Bytes passed from client to backend so far; live. */
  get bytesUpstream(): number {
    return this.#summary?.bytesUpstream ?? this.#engineSession?.bytesUpstream ?? 0;
  }

  /** Bytes passed from backend to client so far; live. */
  get bytesDownstream(): number {
    return this.#summary?.bytesDownstream ?? this.#engineSession?.bytesDownstream ?? 0;
  }

  /** Resolves with the summary when the session has ended; never rejects. */
  get closed(): Promise<SessionSummary> {
    if (this.#summary !== undefined) return Promise.resolve(this.#summary);
    this.#closed ??= new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    return this.#closed;
  }

  /** Cuts both connections with a reset, at once. Safe at any time, also twice. */
  destroy(): void {
    if (this.#state !== 'closed') this.#engineSession?.destroy();
  }

  /** What is known of it at this moment, as plain data; also what `JSON.stringify()` and `console.log()` show. */
  toJSON(): SessionFigures {
    const { id, client, listener, pool, state, openedAt, backend } = this;
    const { bytesUpstream, bytesDownstream } = this;
    return { id, client, listener, pool, state, openedAt, backend, bytesUpstream, bytesDownstream };
  }

  /** @internal Without what the emitter keeps for itself. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `Session ${inspect(this.toJSON(), options)}`;
  }

  /** @internal */
  attach(engineSession: EngineSession): void {
    this.#engineSession = engineSession;
  }

  /** @internal Tells users now, or in a later turn where this one has told them something of the session already. */
  tell(step: () => boolean): void {
    this.#steps.push(step);
    if (!this.#isResting) this.#tellNext();
  }

  /** @internal Users hear of it in this turn. */
  rest(): void {
    this.#isResting = true;
    setImmediate(() => this.#tellNext());
  }

  #tellNext(): void {
    this.#isResting = true;
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      if (step()) {
        this.rest();
        return;
      }
    }
    this.#isResting = false;
  }

  /** @internal @param backend `undefined` for a join, whose backend has no name */
  markOpen(backend: string | undefined): void {
    this.#backend = backend;
    this.tell(() => {
      this.#state = 'open';
      return backend !== undefined && emitSafely(this, 'open', backend);
    });
  }

  /** @internal */
  markClosed(reason: CloseReason, error: SplicewayError | undefined, socket?: Socket): void {
    const summary: SessionSummary = {
      reason,
      backend: this.#backend,
      bytesUpstream: this.bytesUpstream,
      bytesDownstream: this.bytesDownstream,
      durationMs: now() - this.#startedAt,
      error,
      ...(socket === undefined ? {} : { socket }),
    };
    if (error !== undefined) {
      this.tell(() => this.listenerCount('error') > 0 && emitSafely(this, 'error', error));
    }
    this.tell(() => {
      this.#state = 'closed';
      this.#summary = summary;
      // The engine's object holds memory of the loops; users may keep this one for as long as they like.
      this.#engineSession = undefined;
      const isHeard = emitSafely(this, 'close', summary);
      this.#resolveClosed?.(summary);
      return isHeard;
    });
  }
}
