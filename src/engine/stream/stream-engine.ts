/** The engine that needs nothing but Node: the baseline, and the fallback where no addon loads. */
import type { Socket } from 'node:net';
import { SplicewayError } from '../../errors/catalogue.js';
import type { ResolvedAddress } from '../../model/address.js';
import { alternateFamilies } from '../alternate-families.js';
import { checkSocket } from '../check-socket.js';
import { CounterReader, CounterWriter, createCounterWords } from '../counters.js';
import type {
  ConnectRequest,
  Engine,
  EngineOptions,
  EngineSession,
  JoinRequest,
} from '../engine.js';
import { SessionLimit } from '../session-limit.js';
import { OwnConnections } from './own-connections.js';
import { Places } from './places.js';
import { RingGuard } from './ring-guard.js';
import { StreamSession, type StreamSessionHost } from './stream-session.js';

/** Where a backend is. */
interface Backend {
  readonly addresses: readonly ResolvedAddress[];
  readonly inTurn: boolean;
  turn: number;
}

/** In the order in which the next session tries them: whichever is the first, the next is of the other family. */
function nextAddresses(backend: Backend | undefined): readonly ResolvedAddress[] {
  if (backend === undefined) return [];
  const { addresses } = backend;
  if (!backend.inTurn || addresses.length < 2) return addresses;
  const first = backend.turn++ % addresses.length;
  return alternateFamilies([...addresses.slice(first), ...addresses.slice(0, first)]);
}

/** Relays through memory: every byte passes through this process and its one JavaScript thread. */
export class StreamEngine implements Engine {
  readonly name = 'stream';
  /**
   * As many as it was told. Node shares its descriptors with the whole program, so there is no honest figure of those.
   * Past their limit a connect fails with EMFILE, which counts as a backend that did not answer.
   */
  readonly limit: SessionLimit;
  readonly counters: CounterReader;
  readonly #sessions = new Set<StreamSession>();
  /** By row. */
  readonly #backends: Backend[] = [];
  readonly #places = new Places();
  readonly #ownConnections: OwnConnections;
  readonly #host: StreamSessionHost;
  #closing: Promise<void> | undefined;
  readonly #onEmpty: (() => void)[] = [];

  constructor(options: EngineOptions) {
    const { listeners, backends, keepAliveMs, maxSessions } = options;
    this.limit = new SessionLimit(Number.POSITIVE_INFINITY, maxSessions);
    this.#ownConnections = new OwnConnections(this.limit.most);
    const words = createCounterWords(1, listeners, backends);
    this.counters = new CounterReader(words, listeners, backends);
    this.#host = {
      counters: new CounterWriter(words, listeners),
      addressesOf: (backend) => nextAddresses(this.#backends[backend]),
      places: this.#places,
      ownConnections: this.#ownConnections,
      ringGuard: new RingGuard(this.limit.most, () => this.#sessions.size),
      keepAliveMs,
      onSessionClosed: (session) => {
        this.#sessions.delete(session);
        if (this.#sessions.size > 0) return;
        for (const resolve of this.#onEmpty.splice(0)) resolve();
      },
    };
  }

  countRejected(listener: number): void {
    this.#host.counters.addToListener(listener, 'rejected', 1);
  }

  cameBack(client: Socket): ResolvedAddress | undefined {
    return this.#ownConnections.cameBack(client);
  }

  setBackend(row: number, addresses: readonly ResolvedAddress[], inTurn: boolean): void {
    this.#backends[row] = { addresses, inTurn, turn: this.#backends[row]?.turn ?? 0 };
  }

  limitBackend(row: number, maxSessions: number): void {
    this.#places.limit(row, maxSessions);
  }

  connect(request: ConnectRequest): EngineSession {
    this.#checkOpen();
    checkSocket(request.client);
    if (this.#sessions.size >= this.limit.most) throw this.limit.error();
    return this.#add(StreamSession.connect(this.#host, request));
  }

  join(request: JoinRequest): EngineSession {
    this.#checkOpen();
    checkSocket(request.client);
    checkSocket(request.backend);
    return this.#add(StreamSession.join(this.#host, request));
  }

  drain(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#sessions.size === 0) resolve();
      else this.#onEmpty.push(resolve);
    });
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.drain();
      for (const session of this.#sessions) session.destroy();
    }
    return this.#closing;
  }

  #add(session: StreamSession): StreamSession {
    this.#sessions.add(session);
    return session;
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new SplicewayError(
      'ERR_SPLICEWAY_CLOSED',
      'the engine is closed; create a new proxy to relay more sessions',
    );
  }
}
