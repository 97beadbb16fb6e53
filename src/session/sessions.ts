/** Makes sessions of clients, and tells users what becomes of them. */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type {
  ConnectRequest,
  Engine,
  EngineSession,
  SessionObserver,
  SessionPlan,
} from '../engine/engine.js';
import type { SplicewayError } from '../errors/catalogue.js';
import { clientOf } from '../errors/messages.js';
import { sessionError } from '../errors/session-errors.js';
import type { ResolvedAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import type { CloseReason } from '../model/close-reason.js';
import type { Backends } from '../pool/backends.js';
import type { Pool } from '../pool/pool.js';
import { emitSafely } from './emit.js';
import type { ProxyEvents } from './events.js';
import type { ClientRoute } from './route.js';
import { Session } from './session.js';

export interface SessionsHost {
  readonly emitter: EventEmitter<ProxyEvents>;
  readonly engine: Engine;
  readonly backends: Backends;
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string): void;
  onOutrun(backend: number, address: ResolvedAddress): void;
  /** No local port was left for an address of a backend. */
  onNoPort(backend: number, address: ResolvedAddress, count: number): void;
  onNoSource(backend: number, source: string, count: number): void;
  onEarlyReset(backend: number): void;
  /** One session less is open. */
  onEnded(): void;
}

/** Where a client came from, and where it is to go. */
export interface Origin {
  /** Row of its listener in the counters. */
  readonly row: number;
  /** Name of the listener for users: its address. */
  readonly listener: string;
  readonly pool: Pool;
}

/** As in `ConnectRequest`. */
export type StartOptions = Pick<
  ConnectRequest,
  'head' | 'returnsClient' | 'isAccepted' | 'timeouts'
> & {
  /** Called at the end of the session. */
  readonly onEnded?: (() => void) | undefined;
};

export class Sessions {
  readonly #host: SessionsHost;
  #lastId = 0;
  #open = 0;
  /** Those whose end users have not heard of. */
  #untold = 0;
  #onAllTold: (() => void) | undefined;

  constructor(host: SessionsHost) {
    this.#host = host;
  }

  /** Those that were made here and have not ended. */
  get open(): number {
    return this.#open;
  }

  /** Gives a client's socket to the engine. Errors as `Engine.connect`. */
  start(
    socket: Socket,
    origin: Origin,
    makeRoute: (client: ClientAddress) => ClientRoute,
    { onEnded, ...request }: StartOptions,
  ): Session {
    const client = clientOf(socket);
    const session = this.#make(client, origin);
    const route = makeRoute(client);
    const engineSession = this.#host.engine.connect({
      ...request,
      client: socket,
      listener: origin.row,
      route,
      observer: this.#observe(session, origin.pool, route, onEnded),
    });
    this.#begin(session, engineSession);
    return session;
  }

  /** Takes note of a client that the engine has accepted. */
  adopt(
    engineSession: EngineSession,
    origin: Origin,
    client: ClientAddress,
    route: ClientRoute,
  ): SessionPlan {
    const session = this.#make(client, origin);
    this.#begin(session, engineSession);
    return { route, observer: this.#observe(session, origin.pool, route) };
  }

  /** Resolves when users have heard of the end of every session. */
  allTold(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAllTold = resolve;
      if (this.#untold === 0) resolve();
    });
  }

  /** A session that cannot be started leaves no gap in the numbers. */
  #make(client: ClientAddress, { listener, pool }: Origin): Session {
    return new Session({ id: this.#lastId + 1, client, listener, pool: pool.name });
  }

  #begin(session: Session, engineSession: EngineSession): void {
    this.#lastId = session.id;
    this.#open += 1;
    this.#untold += 1;
    session.attach(engineSession);
    session.rest();
    emitSafely(this.#host.emitter, 'session', session);
  }

  #observe(
    session: Session,
    pool: Pool,
    route: ClientRoute,
    onEnded?: () => void,
  ): SessionObserver {
    return {
      onAttemptFailed: (backend, address, code) => {
        route.attemptFailed();
        this.#host.onAttemptFailed(backend, address, code);
      },
      onOutrun: (backend, address) => this.#host.onOutrun(backend, address),
      onNoPort: (...shortage) => {
        route.lacked();
        this.#host.onNoPort(...shortage);
      },
      onNoSource: (...want) => this.#host.onNoSource(...want),
      onEarlyReset: (backend) => this.#host.onEarlyReset(backend),
      onOpen: (row) => {
        const backend = this.#host.backends.at(row);
        pool.failures.forget(backend);
        session.markOpen(backend.name);
      },
      onClose: (reason, cause, client) => {
        route.end(reason);
        onEnded?.();
        const details = { cause: cause ?? route.failure, backend: session.backend };
        this.#closed(session, reason, sessionError(reason, details, route.refusal), client);
      },
    };
  }

  #closed(
    session: Session,
    reason: CloseReason,
    error: SplicewayError | undefined,
    client: Socket | undefined,
  ): void {
    this.#open -= 1;
    this.#host.onEnded();
    if (reason === 'no-backend' && error !== undefined) {
      session.tell(() => emitSafely(this.#host.emitter, 'noBackend', { session, error }));
    }
    session.markClosed(reason, error, client);
    session.tell(() => {
      this.#untold -= 1;
      if (this.#untold === 0) this.#onAllTold?.();
      return false;
    });
  }
}
