/** The life of one session of the stream engine: connecting, relaying, closed. */
import { isIPv6, type Socket } from 'node:net';
import { clientOf } from '../../errors/messages.js';
import type { ResolvedAddress } from '../../model/address.js';
import type { ClientAddress } from '../../model/client-address.js';
import type { SessionEnd } from '../../model/session-end.js';
import type { SessionPhase } from '../../model/session-phase.js';
import { now } from '../../timers.js';
import { markReturned, readingOf, rememberReading } from '../check-socket.js';
import type { CounterName } from '../counters.js';
import type { ConnectRequest, EngineSession, JoinRequest } from '../engine.js';
import type { MeasuredName } from '../histogram.js';
import type { LiveSession } from '../live-session.js';
import { PatientTimer } from '../patient-timer.js';
import { resetSocket } from '../reset-socket.js';
import type { SessionsOf } from '../tables.js';
import { Connector } from './connector.js';
import type { OwnConnections } from './own-connections.js';
import { DirectReader, EventReader, type Reader } from './reader.js';
import { RelayPair } from './relay-pair.js';
import { isOfThisMachine, type RingGuard } from './ring-guard.js';
import { provoke, takeSocket, wrapAnew } from './sockets.js';
import type { StreamCounters } from './stream-counters.js';
import type { StreamTables } from './stream-tables.js';

/** What every session needs of its engine. */
export interface StreamSessionHost {
  readonly counters: StreamCounters;
  readonly tables: StreamTables;
  readonly ownConnections: OwnConnections;
  readonly ringGuard: RingGuard;
  /** Of backends; as for `connectSocket`. */
  readonly keepAliveMs: number;
  /** No other session of the engine gets it. */
  nextId(): string;
  onSessionClosed(session: StreamSession): void;
}

/** Of a session that had no backend yet. */
interface Ending extends SessionEnd {
  readonly cause?: Error;
}

type Observed = Pick<ConnectRequest, 'client' | 'head' | 'timeouts' | 'observer'>;

export class StreamSession implements EngineSession, LiveSession {
  readonly id: string;
  readonly client: ClientAddress;
  readonly #host: StreamSessionHost;
  readonly #startedAt = now();
  /** Of a join, and of one that is open. */
  #backendSocket: Socket | undefined;
  /** Of an open one, whose backend may be taken out. */
  #unixAddress: ResolvedAddress | undefined;
  /** Number of the pool that its route picks from. */
  #pool: number | undefined;
  readonly #request: Observed;
  /** Row of the listener; `undefined` for a join, which no listener accepted. */
  #listener: number | undefined;
  /** Row of the backend at which it has a place: it is connected to it, or on its way. */
  #place: number | undefined;
  /** Row of the backend once it answered. */
  #backend: number | undefined;
  #connector: Connector | undefined;
  #pair: RelayPair | undefined;
  #ending: Ending | undefined;
  #isClosed = false;
  #mayBeInRing = false;
  #wasReadable = false;
  /** The client ended its stream, and neither side had said a word; until the backend says one. */
  #endedSilently = false;
  /** Until its backend has sent a byte, or one side has ended: when an end of the backend's is no longer early. */
  #earlyUntil: number | undefined;

  private constructor(host: StreamSessionHost, request: Observed) {
    this.#host = host;
    this.#request = request;
    this.id = host.nextId();
    this.client = clientOf(request.client);
  }

  /** Takes the client's socket and starts to connect. Observers are never called before this returns. */
  static connect(host: StreamSessionHost, request: ConnectRequest): StreamSession {
    const session = new StreamSession(host, request);
    session.#listener = request.listener;
    session.#pool = request.route.pool;
    session.#count('opened', 1);
    session.#count('open', 1);
    takeSocket(request.client);
    session.#watchClient();
    session.#connect(request);
    return session;
  }

  /** Takes both sockets and relays. */
  static join(host: StreamSessionHost, request: JoinRequest): StreamSession {
    const session = new StreamSession(host, request);
    takeSocket(request.client);
    takeSocket(request.backend);
    session.#backendSocket = request.backend;
    session.#relay(
      new EventReader(request.client),
      new EventReader(request.backend),
      request.backHead,
    );
    return session;
  }

  get listener(): number | undefined {
    return this.#listener;
  }

  get pool(): number | undefined {
    return this.#pool;
  }

  get backend(): number | undefined {
    return this.#place;
  }

  get backendAddress(): ResolvedAddress | undefined {
    const { remoteAddress: ip, remotePort: port } = this.#backendSocket ?? {};
    if (ip !== undefined && port !== undefined)
      return { kind: 'tcp', ip, port, family: isIPv6(ip) ? 6 : 4 };
    return this.#connector?.address ?? this.#unixAddress;
  }

  get phase(): SessionPhase {
    if (this.#pair !== undefined) return this.#pair.isHalfClosed ? 'half-closed' : 'data';
    if (this.#place !== undefined) return 'connect';
    return this.#connector?.isQueued === true ? 'queue' : 'route';
  }

  get ageMs(): number {
    return now() - this.#startedAt;
  }

  get idleMs(): number | undefined {
    return this.#pair?.idleMs;
  }

  get bytesUpstream(): number {
    return this.#pair?.bytesUpstream ?? 0;
  }

  get bytesDownstream(): number {
    return this.#pair?.bytesDownstream ?? 0;
  }

  destroy(): void {
    // A client that was given back is not the session's any more.
    if (this.#isClosed) return;
    if (this.#pair !== undefined) this.#pair.destroy();
    else this.#leave({ reason: 'destroyed', side: 'proxy' }, resetSocket);
  }

  /** Ends it, where it is one of those; where it is only on its way to the backend, it goes to another one. */
  endIf({ backend, listener }: SessionsOf): void {
    if (listener !== undefined && listener !== this.#listener) return;
    if (backend !== undefined && backend !== this.#place) return;
    if (backend !== undefined && this.#backend === undefined) this.#connector?.turnBack();
    else this.destroy();
  }

  /** Ends it in order, where it is one of the backend's, and has been at rest for so long. */
  endIfIdle(backend: number, idleMs: number): boolean {
    if (backend !== this.#backend || this.#pair?.endAtRest(idleMs) !== true) return false;
    this.#count('rebalanced', 1);
    return true;
  }

  #connect(request: ConnectRequest): void {
    const { observer, timeouts, route } = request;
    const { keepAliveMs } = this.#host;
    this.#connector = new Connector(
      route,
      { timeouts, keepAliveMs },
      {
        onAttemptFailed: (backend, address, code) =>
          observer.onAttemptFailed(backend, address, code),
        onOutrun: (backend, address) => observer.onOutrun(backend, address),
        addressesOf: (backend) => this.#host.tables.nextAddresses(backend),
        sourcesFor: (backend, to) => this.#host.tables.nextSources(backend, to),
        onNoPort: (backend, address) => observer.onNoPort(backend, address, 1),
        onNoSource: (backend, source) => observer.onNoSource(backend, source, 1),
        takePlace: (backend) => this.#takePlace(backend),
        queueOf: (pool) => this.#host.tables.queueOf(pool),
        onSetOut: (socket, to) => this.#host.ownConnections.note(socket, to),
        onBackendFailed: (backend) => {
          this.#giveUpPlace();
          this.#host.counters.addToBackend(backend, 'failed', 1);
        },
        onTurnedBack: () => this.#giveUpPlace(),
        onConnected: (backend, reader, connectMs) => {
          this.#unwatchClient();
          this.#backend = backend;
          this.#backendSocket = reader.socket;
          this.#unixAddress = this.#host.tables.unixAddressOf(backend);
          this.#host.counters.addToBackend(backend, 'opened', 1);
          this.#host.counters.addToBackend(backend, 'open', 1);
          this.#measure('connect', connectMs * 1000);
          const { earlyResetMs } = timeouts;
          if (earlyResetMs > 0) this.#earlyUntil = now() + earlyResetMs;
          this.#relay(readerOf(request), reader);
          observer.onOpen(backend);
        },
        hasClientLeft: () => this.#hasClientLeft,
        onClientLeft: () => this.#leave({ reason: 'reset', side: 'client' }, resetSocket),
        onReset: (backend, cause) => {
          if (timeouts.earlyResetMs > 0) this.#noteEarlyReset(backend);
          this.#leave({ reason: 'reset', side: 'backend', cause }, resetSocket);
        },
        onExhausted: (phase) => {
          this.#count('failed', 1);
          const end = { reason: 'no-backend', side: 'proxy', phase } as const;
          if (request.returnsClient === true) this.#returnClient(end);
          else this.#leave(end, (client) => client.destroy());
        },
        onDenied: () => {
          this.#count('rejected', 1);
          this.#leave({ reason: 'denied', side: 'proxy' }, resetSocket);
        },
      },
    );
    // Later, for who is told of the session now may end it, before any backend hears of it.
    const connector = this.#connector;
    this.#mayBeInRing = isOfThisMachine(request.client);
    const waitMs = this.#mayBeInRing ? this.#host.ringGuard.hesitationMs : 0;
    if (waitMs > 0) new PatientTimer().start(waitMs, () => connector.start());
    else queueMicrotask(() => connector.start());
  }

  /**
   * Node only learns of a reset while it reads, so it reads ahead, up to the client's high-water mark. An
   * end of stream is not a client that left: it may wait for the answer.
   */
  #watchClient(): void {
    const { client } = this.#request;
    client.on('error', this.#onClientError);
    client.on('close', this.#onClientClose);
    client.on('readable', this.#onClientReadable);
  }

  #unwatchClient(): void {
    const { client } = this.#request;
    client.off('readable', this.#onClientReadable);
    client.off('close', this.#onClientClose);
    client.off('error', this.#onClientError);
  }

  /** Bytes or the end of the stream, and maybe a reset behind them: see `provoke`. */
  readonly #onClientReadable = (): void => {
    const { client } = this.#request;
    this.#wasReadable = true;
    if (client.writable) provoke(client);
    this.#connector?.noteClient();
  };

  /**
   * It has ended its stream, and neither sent anything nor was anything read from it before: nobody would be told that it
   * is readable while nothing is there.
   */
  get #hasClientLeft(): boolean {
    const { client, head } = this.#request;
    return this.#wasReadable && client.readableLength === 0 && (head?.length ?? 0) === 0;
  }

  readonly #onClientError = (cause: Error): void => {
    this.#ending ??= { reason: 'reset', side: 'client', phase: this.phase, cause };
    this.#connector?.abort(true);
  };

  readonly #onClientClose = (): void => {
    this.#ending ??= { reason: 'reset', side: 'client', phase: this.phase };
    this.#connector?.abort(true);
    const { cause, ...end } = this.#ending;
    this.#closed(end, cause);
  };

  /** Node forgets that a socket is paused in the tick after a listener for `readable` was taken away. */
  #returnClient(end: SessionEnd): void {
    const { client } = this.#request;
    client.off('readable', this.#onClientReadable);
    process.nextTick(() => {
      // It may have been reset meanwhile, which its `close` tells.
      if (!client.destroyed) this.#giveBack(end);
    });
  }

  #giveBack(end: SessionEnd): void {
    const { client: taken, head } = this.#request;
    taken.off('close', this.#onClientClose);
    taken.off('error', this.#onClientError);
    markReturned(taken);
    // Nothing can be put before an end that was told, and nobody is told of it twice.
    const { hadParser } = readingOf(taken);
    const client = taken.readableEnded ? wrapAnew(taken, { allowHalfOpen: true }) : taken;
    // Its handle goes on counting what was read.
    if (client !== taken) rememberReading(client, { bytesRead: 0, hadParser });
    if (head !== undefined) client.unshift(head);
    // It may fail before the program hears of it.
    client.on('error', () => {});
    this.#closed(end, undefined, client.pause());
  }

  /** Ends a session that has no backend. */
  #leave(
    ending: Omit<Ending, 'phase'> & Partial<Pick<Ending, 'phase'>>,
    how: (client: Socket) => void,
  ): void {
    this.#ending ??= { phase: this.phase, ...ending };
    this.#connector?.abort();
    how(this.#request.client);
  }

  #relay(client: Reader, backend: Reader, backHead?: Uint8Array): void {
    const { head, timeouts } = this.#request;
    this.#connector = undefined;
    this.#pair = new RelayPair(client, backend, timeouts, {
      onBytes: (direction, bytes) => {
        if (direction === 'bytesDownstream') this.#silentEndIsOver();
        this.#count(direction, bytes);
      },
      onFirstByte: (waitedMs) => {
        this.#measure('firstByte', waitedMs * 1000);
        this.#noteFirstByte();
      },
      onSideOver: (side) => this.#judgeBeginning(side),
      onSilentEnd: () => this.#onSilentEnd(),
      onHeldForLong: () => this.#onHeldForLong(),
      onClose: (end, cause) => this.#closed(end, cause),
    });
    this.#pair.start(head, backHead);
  }

  readonly #passEndOn = (): void => this.#pair?.passEndOn();

  #onSilentEnd(): boolean {
    if (!this.#mayBeInRing) return false;
    this.#endedSilently = true;
    return this.#host.ringGuard.noteSilentEnd(this.#passEndOn);
  }

  #silentEndIsOver(): void {
    if (!this.#endedSilently) return;
    this.#endedSilently = false;
    this.#host.ringGuard.silentEndIsOver(this.#passEndOn);
  }

  #onHeldForLong(): boolean {
    const { hasCrowd } = this.#host.ringGuard;
    // The others of the crowd, whose time is over as well, may wait if it is none without this one.
    if (hasCrowd) this.#silentEndIsOver();
    return hasCrowd;
  }

  #noteFirstByte(): void {
    if (this.#earlyUntil === undefined || this.#backend === undefined) return;
    this.#earlyUntil = undefined;
    this.#host.tables.forgetEarlyResets(this.#backend);
  }

  /** The first side that ends is the one that ends the session: a client that leaves is no failure of the backend's. */
  #judgeBeginning(side: 'client' | 'backend'): void {
    const until = this.#earlyUntil;
    this.#earlyUntil = undefined;
    if (until === undefined || this.#backend === undefined) return;
    if (side === 'backend' && now() < until) this.#noteEarlyReset(this.#backend);
  }

  #noteEarlyReset(backend: number): void {
    this.#host.tables.noteEarlyReset(backend);
    this.#request.observer.onEarlyReset(backend);
  }

  #takePlace(backend: number): boolean {
    const { tables, counters } = this.#host;
    const place = tables.takePlace(backend);
    if (place === 'taken') this.#place = backend;
    if (place === 'full') counters.addToBackend(backend, 'rejected', 1);
    return place === 'taken';
  }

  #giveUpPlace(): void {
    if (this.#place !== undefined) this.#host.tables.giveBackPlace(this.#place);
    this.#place = undefined;
  }

  #closed(end: SessionEnd, cause?: Error, client?: Socket): void {
    const { reason } = end;
    this.#isClosed = true;
    if (this.#listener !== undefined) this.#host.counters.addEnd(this.#listener, end);
    this.#measure('duration', this.ageMs * 1000);
    this.#measure('bytes', this.bytesUpstream + this.bytesDownstream);
    if (this.#mayBeInRing && reason === 'reset' && this.bytesDownstream === 0)
      this.#host.ringGuard.noteReset();
    this.#giveUpPlace();
    this.#count('open', -1);
    this.#host.onSessionClosed(this);
    this.#silentEndIsOver();
    this.#request.observer.onClose(reason, cause, client);
  }

  /** Of a session that has opened, at a backend of a pool. */
  #measure(name: MeasuredName, value: number): void {
    if (this.#backend !== undefined)
      this.#host.tables.histogramsOf(this.#backend)?.note(name, value);
  }

  /** Adds to the listener's row and, for what both rows have in common, to the backend's. */
  #count(counter: CounterName, amount: number): void {
    const { counters } = this.#host;
    if (this.#listener !== undefined) counters.addToListener(this.#listener, counter, amount);
    if (this.#backend !== undefined) counters.addToBackend(this.#backend, counter, amount);
  }
}

/** A socket that failed just now has yet to say so. */
function readerOf({ client, isAccepted }: ConnectRequest): Reader {
  const isOurs = isAccepted && !client.destroyed && client.writableLength === 0;
  return isOurs ? DirectReader.around(client) : new EventReader(client);
}
