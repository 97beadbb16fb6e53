/** The engine that moves bytes in the kernel: loops in C++, reached through a few calls a session. */
import type { Socket } from 'node:net';
import { SplicewayError } from '../../errors.js';
import { CounterReader } from '../../stats/counters.js';
import { checkSocket } from '../check-socket.js';
import type {
  ConnectRequest,
  Engine,
  EngineOptions,
  EngineSession,
  JoinRequest,
  SessionTimeouts,
} from '../engine.js';
import { resetSocket } from '../reset-socket.js';
import {
  EVENT_WORDS,
  EventKind,
  type NativeBinding,
  type NativeEngineBinding,
  NO_LISTENER,
} from './binding.js';
import { NativeSession, nameOfError } from './native-session.js';
import { type TakenSocket, takeSockets, whenWritten } from './take-socket.js';

/** Events fetched from the loops in one call. */
const EVENTS_PER_CALL = 256;

export class NativeEngine implements Engine {
  readonly name = 'native';
  readonly counters: CounterReader;
  readonly maxSessions: number;
  readonly #module: NativeBinding;
  readonly #binding: NativeEngineBinding;
  readonly #sessionWords: BigUint64Array;
  readonly #events = new Int32Array(EVENTS_PER_CALL * EVENT_WORDS);
  /** By slot; every slot from `#freeSlots` or at the end is free. */
  readonly #sessions: (NativeSession | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  /** Sessions whose sockets still have bytes queued in Node. */
  readonly #waiting = new Set<NativeSession>();
  #alive = 0;
  #closing: { promise: Promise<void>; resolve: () => void } | undefined;

  /**
   * Starts the threads.
   * @throws SplicewayError `ERR_SPLICEWAY_RESOURCE_LIMIT` when the system has no descriptor or thread to give
   */
  constructor(binding: NativeBinding, options: EngineOptions) {
    const { threads, listeners, backends } = options;
    this.#module = binding;
    try {
      this.#binding = new binding.Engine(threads, listeners, backends, () => this.#onDoorbell());
    } catch (error) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_RESOURCE_LIMIT',
        `the native engine could not start its ${threads} threads; use fewer, or raise the limits of ` +
          'open files and processes (ulimit -n, ulimit -u)',
        { cause: error },
      );
    }
    const words = new BigUint64Array(this.#binding.counters());
    this.counters = new CounterReader(words, listeners, backends);
    this.#sessionWords = new BigUint64Array(this.#binding.sessionCounters());
    this.maxSessions = this.#binding.maxSessions();
  }

  connect(request: ConnectRequest): EngineSession {
    const { client, listener, timeouts, route, observer } = request;
    const session = new NativeSession(this.#host, observer, route);
    this.#whenWritten([client], session, () => {
      this.#take(session, [client], (slot, [taken]) => {
        this.#binding.start(slot, taken.fd, taken.prefix, listener, timeoutWords(timeouts));
      });
    });
    return session;
  }

  join(request: JoinRequest): EngineSession {
    const { client, backend, timeouts, observer } = request;
    const session = new NativeSession(this.#host, observer);
    this.#whenWritten([client, backend], session, () => {
      this.#take(session, [client, backend], (slot, [first, second]) => {
        this.#binding.start(slot, first.fd, first.prefix, NO_LISTENER, timeoutWords(timeouts));
        this.#binding.join(slot, second.fd, second.prefix);
      });
    });
    return session;
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      const { promise, resolve } = withResolvers();
      this.#closing = { promise, resolve };
      for (const session of [...this.#waiting]) session.destroy();
      for (const session of this.#sessions) session?.destroy();
      this.#finishClosing();
    }
    return this.#closing.promise;
  }

  get #host() {
    return { binding: this.#binding, sessionWords: this.#sessionWords };
  }

  /** Gives the sockets to the loops: now, or when Node has written what is queued on them. */
  #whenWritten(sockets: readonly Socket[], session: NativeSession, take: () => void): void {
    if (this.#closing !== undefined) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_CLOSED',
        'the engine is closed; create a new proxy to relay more sessions',
      );
    }
    for (const socket of sockets) checkSocket(socket);
    if (sockets.every((socket) => socket.writableLength === 0)) {
      take();
      return;
    }
    session.wait(sockets);
    this.#waiting.add(session);
    whenWritten(sockets, () => {
      this.#waiting.delete(session);
      try {
        for (const socket of sockets) checkSocket(socket);
        take();
      } catch (error) {
        for (const socket of sockets) resetSocket(socket);
        session.close('reset', error as Error);
      }
      this.#finishClosing();
    });
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_RESOURCE_LIMIT`; the sockets are untouched then */
  #take<const Sockets extends readonly Socket[]>(
    session: NativeSession,
    sockets: Sockets,
    give: (slot: number, taken: { [Index in keyof Sockets]: TakenSocket }) => void,
  ): void {
    const slot = this.#freeSlots.at(-1) ?? this.#sessions.length;
    if (slot >= this.maxSessions) throw resourceLimit('all session slots are in use');
    const taken = takeSockets(this.#module, sockets);
    if (typeof taken === 'number') throw resourceLimit(`the system said ${nameOfError(taken)}`);
    this.#freeSlots.pop();
    this.#sessions[slot] = session;
    this.#sessionWords.fill(0n, slot * 2, slot * 2 + 2);
    this.#alive += 1;
    if (this.#alive === 1) this.#binding.ref();
    give(slot, taken);
    session.start(slot);
  }

  #onDoorbell(): void {
    let count: number;
    do {
      if (this.#closing !== undefined && this.#alive === 0) return;
      count = this.#binding.takeEvents(this.#events);
      for (let index = 0; index < count; index++) {
        try {
          this.#onEvent(index * EVENT_WORDS);
        } catch (error) {
          // An observer's. It must not cost the other sessions their events, and it is not lost: thrown from here it
          // would end as a warning of Node-API, thrown from a tick of its own it is an uncaught exception.
          process.nextTick(() => {
            throw error;
          });
        }
      }
    } while (count === EVENTS_PER_CALL);
    this.#finishClosing();
  }

  #onEvent(at: number): void {
    const [kind, slot = 0, reason = 0, errno = 0] = this.#events.subarray(at, at + EVENT_WORDS);
    const session = this.#sessions[slot];
    if (session === undefined) return;
    if (kind === EventKind.attemptFailed) {
      session.onAttemptFailed(errno);
    } else if (kind === EventKind.opened) {
      session.onOpened();
    } else {
      this.#sessions[slot] = undefined;
      this.#alive -= 1;
      if (this.#alive === 0) this.#binding.unref();
      const finish = session.onClosed(reason, errno);
      this.#freeSlots.push(slot);
      finish();
    }
  }

  #finishClosing(): void {
    if (this.#closing === undefined || this.#alive > 0 || this.#waiting.size > 0) return;
    this.#binding.close();
    this.#closing.resolve();
  }
}

function timeoutWords(timeouts: SessionTimeouts): Uint32Array {
  return Uint32Array.of(timeouts.connectMs, timeouts.idleMs, timeouts.halfCloseMs);
}

function resourceLimit(why: string): SplicewayError {
  return new SplicewayError(
    'ERR_SPLICEWAY_RESOURCE_LIMIT',
    `the session could not be taken over: ${why}; raise the limit of open files (ulimit -n)`,
  );
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
