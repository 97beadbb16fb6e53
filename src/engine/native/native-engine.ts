/** The engine that moves bytes in the kernel: loops in C++, which also accept and pick if they are told to. */

import { isIPv6, type Socket } from 'node:net';
import { SplicewayError } from '../../errors/catalogue.js';
import { clientOf } from '../../errors/messages.js';
import type { ResolvedAddress } from '../../model/address.js';
import { setImmediate } from '../../timers.js';
import { checkSocket, descriptorOf } from '../check-socket.js';
import { CounterReader, CounterWriter, ROW_WORDS } from '../counters.js';
import { END_WORDS, EndWriter } from '../ends.js';
import type {
  AcceptHost,
  AcceptingEngine,
  Attention as AttentionName,
  ConnectRequest,
  EngineOptions,
  EngineSession,
  JoinRequest,
  QueueWord,
  SessionTimeouts,
} from '../engine.js';
import type { Listing, LiveSession } from '../live-session.js';
import { type LoopFigures, noPipes, type PipeFigures, readLoops } from '../loops.js';
import { idOf, nameOf } from '../session-id.js';
import { SessionLimit } from '../session-limit.js';
import {
  Attention,
  Ending,
  EventKind,
  type NativeBinding,
  type NativeEngineBinding,
  Needs,
  NONE,
  Transfer,
} from './binding.js';
import { EventRing, type NativeEvent } from './event-ring.js';
import { NativeSession, type NativeSessionHost } from './native-session.js';
import { NativeTables, timeoutWords } from './native-tables.js';
import { Outbox } from './outbox.js';
import { PickBatch } from './pick-batch.js';
import { SessionList } from './session-list.js';
import { nameOfError } from './system-error.js';
import { type TakenSocket, takeSockets } from './take-socket.js';
import { Waitable } from './waitable.js';
import { WritingSession } from './writing-session.js';

/** As many as other work of the program is to wait for: full, they are a thousand events. */
const BATCHES_PER_TURN = 4;

/** Sessions that are ended by their names in one turn of the event loop. */
const NAMED_AT_ONCE = 1000;

/** A client that has no IP address came to a unix listener. */
const NOWHERE = { address: '', port: 0 };

/** What the loops say of a queue, in the words of a route. */
const queueWords: { readonly [Reason in number]?: QueueWord } = {
  [Needs.queueFull]: 'full',
  [Needs.queuedInVain]: 'timeout',
  [Needs.turn]: 'turn',
};

/** How sockets are passed on to the loops. */
interface Passing<Sockets extends readonly Socket[]> {
  /** Row of the counters; `undefined` for a join. */
  readonly listener: number | undefined;
  readonly timeouts: SessionTimeouts;
  /** Tells the loops. */
  give(name: number, taken: { [Index in keyof Sockets]: TakenSocket }): void;
}

export class NativeEngine implements AcceptingEngine {
  readonly name = 'native';
  readonly counters: CounterReader;
  readonly limit: SessionLimit;
  readonly tables: NativeTables;
  /** Of this thread, beside those of the loops. */
  readonly #ownCounters: CounterWriter;
  readonly #ownEnds: EndWriter;
  readonly #threads: number;
  readonly #loopWords: BigUint64Array;
  readonly #module: NativeBinding;
  readonly #binding: NativeEngineBinding;
  readonly #events: EventRing;
  readonly #list: SessionList;
  readonly #sessionHost: NativeSessionHost;
  /** Those that JavaScript knows and whose end it has not heard of, by name. */
  readonly #sessions = new Map<number, NativeSession>();
  /** Those that it does not know yet, by name. */
  readonly #writing = new Map<number, WritingSession>();
  readonly #outbox = new Outbox(() => this.#settle());
  #acceptHost: AcceptHost | undefined;
  #attention: AttentionName = 'hold';
  /** While there are events to take: one look at them in each turn of the event loop, however often the bell rings. */
  #nextLook: NodeJS.Immediate | undefined;
  /** What keeps the process alive: the sessions, and the loops while they accept. */
  #holds = 0;
  /** How often no event was left to take. */
  #emptied = 0;
  #isDraining = false;
  #loopsAreDrained = false;
  readonly #drained = new Waitable();
  readonly #closed = new Waitable();

  /**
   * Starts the threads.
   * @throws SplicewayError `ERR_SPLICEWAY_RESOURCE_LIMIT` when the system has no descriptor or thread to give
   */
  constructor(module: NativeBinding, options: EngineOptions) {
    const { threads, listeners, backends, busyPollUs, keepAliveMs, maxSessions = 0 } = options;
    const keepAliveS = keepAliveMs / 1000;
    const transfer = Transfer[options.transfer];
    this.#module = module;
    try {
      this.#binding = new module.Engine(
        { threads, listeners, backends, transfer, busyPollUs, keepAliveS, maxSessions },
        () => this.#onDoorbell(),
      );
    } catch (error) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_RESOURCE_LIMIT',
        `the native engine could not start its ${threads} threads; use fewer, or raise the limits of ` +
          'open files and processes (ulimit -n, ulimit -u)',
        { cause: error },
      );
    }
    const binding = this.#binding;
    const words = new BigUint64Array(binding.counters());
    this.#threads = threads;
    this.#loopWords = new BigUint64Array(binding.loops());
    const ends = new BigUint64Array(binding.ends());
    this.counters = new CounterReader(words, listeners, backends, ends);
    this.#ownEnds = new EndWriter(ends.subarray(threads * listeners * END_WORDS));
    const own = words.subarray(threads * (listeners + backends) * ROW_WORDS);
    this.#ownCounters = new CounterWriter(own, listeners);
    this.limit = new SessionLimit(binding.maxSessions(), options.maxSessions);
    this.tables = new NativeTables({
      binding,
      module,
      counters: this.counters,
      isClosed: () => this.#closed.isAwaited,
      takeEvents: () => this.#askForEvents(),
      isListing: () => this.#list.isBusy,
      // Of most of these sessions JavaScript does not know.
      onListening: (isListening) => (isListening ? this.#hold() : this.#release()),
    });
    this.#list = new SessionList({
      binding,
      isClosed: () => this.#closed.isDone,
      firstAddressOf: (backend) => this.tables.firstAddressOf(backend),
      poolOf: (name) => this.#sessions.get(name)?.pool,
      writing: this.#writing,
    });
    this.#events = new EventRing(binding);
    this.#sessionHost = {
      binding,
      module,
      picks: new PickBatch(binding),
    };
  }

  loops(): readonly LoopFigures[] {
    return readLoops(this.#loopWords, this.#threads);
  }

  pipes(): PipeFigures {
    if (this.#closed.isDone) return noPipes;
    const [open = 0, bytes = 0, most = 0, mostBytes = 0] = this.#binding.pipes();
    return { open, bytes, most, mostBytes };
  }

  countRejected(listener: number): void {
    this.#ownCounters.addToListener(listener, 'rejected', 1);
  }

  cameBack(client: Socket): ResolvedAddress | undefined {
    const { remoteAddress, remotePort } = client;
    if (remoteAddress === undefined || remotePort === undefined) return undefined;
    if (this.#closed.isAwaited) return undefined;
    const found = this.#binding.cameBack(descriptorOf(client), remoteAddress, remotePort);
    if (found === undefined) return undefined;
    const [ip, port] = found;
    return { kind: 'tcp', ip, port, family: isIPv6(ip) ? 6 : 4 };
  }

  serve(host: AcceptHost): void {
    this.#acceptHost = host;
    this.attend(this.#attention);
  }

  attend(attention: AttentionName): void {
    this.#attention = attention;
    if (!this.#closed.isAwaited) this.#binding.attend(Attention[attention]);
  }

  connect(request: ConnectRequest): EngineSession {
    const { client, head, listener, returnsClient, timeouts } = request;
    this.#checkOpen();
    const session = new NativeSession(this.#sessionHost);
    session.follow(request);
    const give = (name: number, [taken]: readonly [TakenSocket]) => {
      const { fd, prefix } = taken;
      const isKept = returnsClient === true && this.#keep(session, taken);
      this.#binding.start(name, fd, prefix, listener, timeoutWords(timeouts), isKept);
    };
    this.#pass(session, [client], [head], { listener, timeouts, give });
    return session;
  }

  join(request: JoinRequest): EngineSession {
    const { client, backend, head, backHead, timeouts, observer } = request;
    this.#checkOpen();
    const session = new NativeSession(this.#sessionHost);
    session.follow({ observer });
    const give = (name: number, [first, second]: readonly [TakenSocket, TakenSocket]) => {
      this.#binding.start(name, first.fd, first.prefix, NONE, timeoutWords(timeouts), false);
      this.#binding.join(name, second.fd, second.prefix);
    };
    const heads = [head, backHead];
    this.#pass(session, [client, backend], heads, { listener: undefined, timeouts, give });
    return session;
  }

  list(visit: (session: LiveSession) => void, asked?: Listing): Promise<void> {
    return this.#list.list(visit, asked);
  }

  async end(ids: readonly string[]): Promise<number> {
    if (this.#closed.isDone) return 0;
    const names = [...new Set(ids)].map(nameOf).filter((name) => name !== undefined);
    let count = 0;
    // In pieces: each is a command for a loop.
    for (let from = 0; from < names.length && !this.#closed.isDone; from += NAMED_AT_ONCE) {
      if (from > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      count += this.#endNamed(names.slice(from, from + NAMED_AT_ONCE));
    }
    await this.tables.inEffect();
    return count;
  }

  #endNamed(names: readonly number[]): number {
    if (this.#closed.isDone) return 0;
    const writing = names.flatMap((name) => this.#writing.get(name) ?? []);
    for (const session of writing) session.destroy();
    return writing.length + this.#binding.endNamed(Float64Array.from(names), Ending.reset);
  }

  drain(): Promise<void> {
    if (!this.#closed.isAwaited) this.#drainLoops();
    return this.#drained.wait();
  }

  close(): Promise<void> {
    if (this.#closed.isAwaited) return this.#closed.wait();
    const closed = this.#closed.wait();
    this.#drainLoops();
    this.#outbox.destroy();
    for (const session of this.#sessions.values()) session.destroy();
    this.#settle();
    return closed;
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_CLOSED` */
  #checkOpen(): void {
    if (!this.#closed.isAwaited) return;
    throw new SplicewayError(
      'ERR_SPLICEWAY_CLOSED',
      'the engine is closed; create a new proxy to relay more sessions',
    );
  }

  /**
   * Gives the sockets to the loops: now, or when Node has written what is queued on them. The session has its slot from
   * now on.
   *
   * @throws SplicewayError what `checkSocket` does, or `ERR_SPLICEWAY_RESOURCE_LIMIT`; the sockets are untouched then
   */
  #pass<const Sockets extends readonly Socket[]>(
    session: NativeSession,
    sockets: Sockets,
    heads: readonly (Uint8Array | undefined)[],
    { listener, timeouts, give }: Passing<Sockets>,
  ): void {
    for (const socket of sockets) checkSocket(socket);
    const name = this.#binding.takeSlot();
    if (name === NONE) throw this.limit.error();
    const take = () => this.#take(session, name, sockets, heads, give);
    if (sockets.every((socket) => socket.writableLength === 0)) {
      try {
        take();
      } catch (error) {
        this.#binding.releaseSlot(name);
        throw error;
      }
      return;
    }
    const count = (counter: 'open' | 'opened', amount: number) => {
      if (listener !== undefined) this.#ownCounters.addToListener(listener, counter, amount);
    };
    count('open', 1);
    const client = clientOf(sockets[0] as Socket);
    this.#writing.set(name, new WritingSession(session, { id: idOf(name), client, listener }));
    this.#outbox.wait(sockets, session, timeouts, {
      take: () => {
        take();
        this.#writing.delete(name);
        // Its loop counts it from now on.
        count('open', -1);
      },
      giveUp: (reason, side) => {
        this.#writing.delete(name);
        this.#binding.releaseSlot(name);
        count('opened', 1);
        count('open', -1);
        if (listener !== undefined) this.#ownEnds.add(listener, { reason, side, phase: 'accept' });
      },
    });
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_RESOURCE_LIMIT`; the sockets are untouched then, and the slot is the caller's */
  #take<const Sockets extends readonly Socket[]>(
    session: NativeSession,
    name: number,
    sockets: Sockets,
    heads: readonly (Uint8Array | undefined)[],
    give: Passing<Sockets>['give'],
  ): void {
    const taken = takeSockets(this.#module, sockets, heads);
    if (typeof taken === 'number') throw shortage(nameOfError(taken));
    give(name, taken);
    this.#add(session, name);
    // Later, for who is told of the session now may end it, before any backend hears of it.
    queueMicrotask(() => session.pick());
  }

  /** Without a descriptor for it, the client is not given back: it is closed, as others are. True when there was one. */
  #keep(session: NativeSession, taken: TakenSocket): boolean {
    const kept = this.#module.duplicateDescriptor(taken.fd);
    if (kept >= 0) session.keep({ ...taken, fd: kept });
    return kept >= 0;
  }

  #add(session: NativeSession, name: number): void {
    this.#sessions.set(name, session);
    session.start(name);
    this.#hold();
  }

  #hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#binding.ref();
  }

  #release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#binding.unref();
  }

  #drainLoops(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#binding.drain();
  }

  #onDoorbell(): void {
    // Not in this very call: Node-API hands over the rings that come meanwhile before it returns to the event loop.
    this.#nextLook ??= setImmediate(() => {
      this.#nextLook = undefined;
      // The doorbell stays silent until the queue has been emptied, so nobody else would ask for the rest.
      if (this.#takeEvents()) this.#onDoorbell();
    });
  }

  #askForEvents(): () => boolean {
    const emptied = this.#emptied;
    this.#onDoorbell();
    return () => this.#emptied > emptied;
  }

  /** True when there may be more. */
  #takeEvents(): boolean {
    let more = true;
    for (let batch = 0; more && batch < BATCHES_PER_TURN; batch++) {
      if (this.#closed.isDone) return false;
      // Few enough for the first client of a crowd not to wait for the last one's pick.
      this.#sessionHost.picks.hold(() => {
        more = this.#events.take((event) => this.#onEvent(event));
      });
      if (!more) this.#emptied += 1;
      this.#settle();
    }
    return more;
  }

  #onEvent(event: NativeEvent): void {
    const { session: name } = event;
    const session = this.#sessions.get(name);
    switch (event.get('kind')) {
      case EventKind.accepted:
        this.#onAccepted(name, event);
        break;
      case EventKind.attemptFailed:
        this.#onAttemptFailed(session, event);
        break;
      case EventKind.outrun:
        this.#onOutrun(session, event);
        break;
      case EventKind.noPort:
        this.#onNoPort(session, event);
        break;
      case EventKind.noSource: {
        const { ip = '' } = event.endpoint ?? {};
        const told = session ?? this.#acceptHost;
        told?.onNoSource(event.get('backend'), ip, event.get('count'));
        break;
      }
      case EventKind.earlyReset:
        (session ?? this.#acceptHost)?.onEarlyReset(event.get('backend'));
        break;
      case EventKind.needBackend:
        if (event.get('reason') === Needs.searchOver) session?.giveUp();
        else session?.pick(queueWords[event.get('reason')]);
        break;
      case EventKind.opened:
        session?.onOpened(event.get('backend'));
        break;
      case EventKind.closed:
        if (session !== undefined) this.#onClosed(session, name, event);
        break;
      case EventKind.paused: {
        const errno = event.get('errno');
        const code = errno === 0 ? undefined : nameOfError(errno);
        this.#acceptHost?.onPaused(event.get('listener'), code, event.get('reason') === 1);
        break;
      }
      case EventKind.resumed:
        this.#acceptHost?.onResumed(event.get('listener'));
        break;
      case EventKind.refused: {
        const { ip = '' } = event.endpoint ?? {};
        const isOwnLimit = event.get('reason') === 1;
        this.#acceptHost?.onRefused(event.get('listener'), ip, event.get('count'), isOwnLimit);
        break;
      }
      case EventKind.unreported:
        this.#acceptHost?.onUnreported(event.get('count'));
        break;
      case EventKind.late:
        this.#acceptHost?.onLate();
        break;
      case EventKind.cameBack: {
        const { endpoint } = event;
        if (endpoint === undefined) break;
        const to = { kind: 'tcp', ...endpoint } as const;
        this.#acceptHost?.onCameBack(event.get('listener'), to, event.get('count'));
        break;
      }
      case EventKind.drained:
        this.#loopsAreDrained = true;
        break;
    }
  }

  #onAccepted(name: number, event: NativeEvent): void {
    // While the engine closes, who comes late is reset with the loops.
    if (this.#acceptHost === undefined || this.#closed.isAwaited) return;
    const session = new NativeSession(this.#sessionHost);
    this.#add(session, name);
    const { endpoint } = event;
    const client = endpoint === undefined ? NOWHERE : { address: endpoint.ip, port: endpoint.port };
    const isAwaited = event.get('reason') === 1;
    session.follow(this.#acceptHost.onAccepted(session, event.get('listener'), client, isAwaited));
  }

  #onAttemptFailed(session: NativeSession | undefined, event: NativeEvent): void {
    const backend = event.get('backend');
    const code = nameOfError(event.get('errno'));
    const address = this.#addressOf(event);
    if (address === undefined) return;
    if (session !== undefined) session.onAttemptFailed(backend, address, code);
    else this.#acceptHost?.onAttemptFailed(backend, address, code, event.get('count'));
  }

  #onOutrun(session: NativeSession | undefined, event: NativeEvent): void {
    const address = this.#addressOf(event);
    if (address === undefined) return;
    (session ?? this.#acceptHost)?.onOutrun(event.get('backend'), address);
  }

  #onNoPort(session: NativeSession | undefined, event: NativeEvent): void {
    const address = this.#addressOf(event);
    if (address === undefined) return;
    (session ?? this.#acceptHost)?.onNoPort(event.get('backend'), address, event.get('count'));
  }

  /** That was tried: without an IP address a unix socket, or a literal that the loops cannot read: the one that there is. */
  #addressOf(event: NativeEvent): ResolvedAddress | undefined {
    const { endpoint } = event;
    return endpoint === undefined
      ? this.tables.firstAddressOf(event.get('backend'))
      : { kind: 'tcp', ...endpoint };
  }

  #onClosed(session: NativeSession, name: number, event: NativeEvent): void {
    this.#sessions.delete(name);
    this.#release();
    session.onClosed(event.get('reason'), event.get('errno'), event.moved);
  }

  /** Finishes what waits for the last session to end. */
  #settle(): void {
    if (this.#sessions.size > 0 || !this.#outbox.isEmpty) return;
    if (this.#loopsAreDrained) this.#drained.done();
    if (!this.#closed.isAwaited || this.#closed.isDone) return;
    this.tables.keepFigures();
    this.#binding.close();
    this.#closed.done();
  }
}

function shortage(code: string): SplicewayError {
  return new SplicewayError(
    'ERR_SPLICEWAY_RESOURCE_LIMIT',
    `the session could not be taken over: the system said ${code}; raise the limit of open files (ulimit -n)`,
    { systemCode: code },
  );
}
