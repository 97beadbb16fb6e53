/** The engine that needs nothing but Node: the baseline, and the fallback where no addon loads. */
import type { Socket } from 'node:net';
import { SplicewayError } from '../../errors/catalogue.js';
import type { ResolvedAddress } from '../../model/address.js';
import { checkSocket } from '../check-socket.js';
import type {
  ConnectRequest,
  Engine,
  EngineOptions,
  EngineSession,
  JoinRequest,
} from '../engine.js';
import { inPieces, type Listing, type LiveSession } from '../live-session.js';
import { type LoopFigures, noPipes, type PipeFigures } from '../loops.js';
import { idOf } from '../session-id.js';
import { SessionLimit } from '../session-limit.js';
import { OwnConnections } from './own-connections.js';
import { RingGuard } from './ring-guard.js';
import { StreamCounters } from './stream-counters.js';
import { StreamSession, type StreamSessionHost } from './stream-session.js';
import { StreamTables } from './stream-tables.js';

/** Relays through memory: every byte passes through this process and its one JavaScript thread. */
export class StreamEngine implements Engine {
  readonly name = 'stream';
  /**
   * As many as it was told. Node shares its descriptors with the whole program, so there is no honest figure of those.
   * Past their limit a connect fails with EMFILE, which counts as a backend that did not answer.
   */
  readonly limit: SessionLimit;
  readonly counters = new StreamCounters();
  readonly tables: StreamTables;
  readonly #sessions = new Set<StreamSession>();
  readonly #ownConnections: OwnConnections;
  readonly #host: StreamSessionHost;
  #closing: Promise<void> | undefined;
  readonly #onEmpty: (() => void)[] = [];
  /** Of those that are being ended. */
  /** Sessions that were ended by their ids, and are yet to be heard of. */
  readonly #ending = new Map<StreamSession, { ended: Promise<void>; resolve: () => void }>();
  #lastId = 0;

  constructor(options: EngineOptions) {
    const { keepAliveMs, maxSessions } = options;
    this.limit = new SessionLimit(Number.POSITIVE_INFINITY, maxSessions);
    this.#ownConnections = new OwnConnections(this.limit.most);
    this.tables = new StreamTables({
      counters: this.counters,
      endSessions: (sessions) => {
        for (const session of this.#sessions) session.endIf(sessions);
      },
      endIdle: (row, idleMs, most) => {
        let left = most;
        for (const session of this.#sessions) {
          if (left === 0) return;
          if (session.endIfIdle(row, idleMs)) left -= 1;
        }
      },
    });
    this.#host = {
      counters: this.counters,
      tables: this.tables,
      ownConnections: this.#ownConnections,
      ringGuard: new RingGuard(this.limit.most, () => this.#sessions.size),
      keepAliveMs,
      nextId: () => {
        this.#lastId += 1;
        return idOf(this.#lastId);
      },
      onSessionClosed: (session) => {
        this.#sessions.delete(session);
        this.#ending.get(session)?.resolve();
        this.#ending.delete(session);
        if (this.#sessions.size > 0) return;
        for (const resolve of this.#onEmpty.splice(0)) resolve();
      },
    };
  }

  /** It shares Node's one loop with the whole program. */
  loops(): readonly LoopFigures[] {
    return [];
  }

  pipes(): PipeFigures {
    return noPipes;
  }

  countRejected(listener: number): void {
    this.counters.addToListener(listener, 'rejected', 1);
  }

  cameBack(client: Socket): ResolvedAddress | undefined {
    return this.#ownConnections.cameBack(client);
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

  /** Node does not tell what the kernel measures: no session has a `transport`. */
  list(visit: (session: LiveSession) => void, asked?: Listing): Promise<void> {
    return inPieces(someOf([...this.#sessions], asked?.sample), (session) => {
      if (this.#sessions.has(session)) visit(session);
    });
  }

  async end(ids: readonly string[]): Promise<number> {
    const wanted = new Set(ids);
    const ended: Promise<void>[] = [];
    let count = 0;
    await inPieces([...this.#sessions], (session) => {
      if (!wanted.has(session.id) || !this.#sessions.has(session)) return;
      if (!this.#ending.has(session)) count += 1;
      ended.push(this.#end(session));
    });
    await Promise.all(ended);
    return count;
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

  /** Node tells of the end of a socket later. */
  #end(session: StreamSession): Promise<void> {
    const known = this.#ending.get(session);
    if (known !== undefined) return known.ended;
    let resolve = () => {};
    const ended = new Promise<void>((done) => {
      resolve = done;
    });
    this.#ending.set(session, { ended, resolve });
    session.destroy();
    return ended;
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

/** So many at most, drawn by chance: the first steps of a shuffle (R. Durstenfeld, CACM 7 (1964), algorithm 235). */
function someOf<Item>(items: Item[], most = items.length): Item[] {
  if (items.length <= most) return items;
  for (let at = 0; at < most; at++) {
    const other = at + Math.floor(Math.random() * (items.length - at));
    [items[at], items[other]] = [items[other] as Item, items[at] as Item];
  }
  return items.slice(0, most);
}
