/** Connects to the first backend of a route that answers. */

import type { Socket } from 'node:net';
import type { ResolvedAddress } from '../../model/address.js';
import { now, setImmediate } from '../../timers.js';
import type { NextHop, QueueWord, Route, SessionTimeouts } from '../engine.js';
import { PatientTimer } from '../patient-timer.js';
import { Attempt } from './attempt.js';
import type { PoolQueue, Waiter } from './pool-queue.js';
import type { Reader } from './reader.js';
import { SearchBudget } from './search-budget.js';

/** For want of a descriptor or memory an attempt cannot even begin. */
const SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']);

/** Backends without room, before others of the program have their turn. */
const PASSED_OVER_AT_ONCE = 1000;

/** How long a backend is sought for a client that has ended its stream without a word: it may only listen. */
const LISTENS_FOR_MS = 1000;

export interface ConnectorOptions {
  readonly timeouts: SessionTimeouts;
  /** As for `connectSocket`. */
  readonly keepAliveMs: number;
}

export interface ConnectorEvents {
  /** Whether the client has ended its stream and sent nothing. */
  hasClientLeft(): boolean;
  /** Where a backend is. */
  addressesOf(backend: number): readonly ResolvedAddress[];
  /** Whether a backend has room for a session; asked before any of its addresses is tried. */
  takePlace(backend: number): boolean;
  /** Where clients of a pool wait for such a place. */
  queueOf(pool: number): PoolQueue;
  /** A socket was told to connect there. */
  onSetOut(socket: Socket, to: ResolvedAddress): void;
  /** Where a connection to an address of a backend may come from, best first; none: from anywhere. */
  sourcesFor(backend: number, to: ResolvedAddress): readonly string[];
  /** No local port was left for one address of a backend; the next one is tried. It has not failed. */
  onNoPort(backend: number, address: ResolvedAddress): void;
  /** This machine does not have a source address of a backend. */
  onNoSource(backend: number, source: string): void;
  /** One address of a backend failed; the next one is tried. */
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string): void;
  /** One address of a backend was still silent when another, which was tried later, answered. */
  onOutrun(backend: number, address: ResolvedAddress): void;
  /** Every address of a backend failed, or it has none; the route is asked for another. */
  onBackendFailed(backend: number): void;
  /** No other address of a backend is tried, which has not failed. */
  onTurnedBack(backend: number): void;
  /**
   * The end: connected. Its socket has no error listener yet; add one before this returns.
   *
   * @param connectMs how long its address has taken to answer
   */
  onConnected(backend: number, reader: Reader, connectMs: number): void;
  /** The end: a backend accepted and has reset since. What it may have said is lost: Node gives no such socket. */
  onReset(backend: number, cause: Error): void;
  /**
   * The end: the route ran out, or what the search may cost was used up.
   *
   * @param phase how far it has come: to the queue, where that was full, or the wait too long; else it may have tried a backend
   */
  onExhausted(phase: 'route' | 'queue' | 'connect'): void;
  /** The end: nobody is there any more to connect for. */
  onClientLeft(): void;
  /** The end: the route does not want the client served. */
  onDenied(): void;
}

/**
 * Addresses of a backend in their order, then the next backend. One attempt at a time; but where it is slow, and the next
 * address is of the other family of IP, that one is tried beside it (RFC 8305), for a network may lose the packets of one
 * family. Addresses of one family are often different servers: a second SYN would add load where load is why the first
 * has no answer.
 */
export class Connector {
  readonly #route: Route;
  readonly #options: ConnectorOptions;
  readonly #budget: SearchBudget;
  #first: Attempt | undefined;
  readonly #leaving = new PatientTimer();
  readonly #events: ConnectorEvents;
  /** Of the backend at hand: those that were not tried yet. */
  #left: readonly ResolvedAddress[] = [];
  /** Two at most, the older one first. */
  #attempts: readonly Attempt[] = [];
  /** That may still be made. */
  #attemptsLeft: number;
  /** The one that they are made to. */
  #backend: number | undefined;
  /** When the search began: a filter, or a policy that takes its time, is asked before. */
  #begunAt: number | undefined;
  /** No local port was left for one of its addresses. */
  #lacksPort = false;
  /** The queue was full, or the wait there too long; and it has got no place since. */
  #wasRefused = false;
  /** While it waits there. */
  #queue: PoolQueue | undefined;
  /** When it began to wait there. */
  #queuedAt = 0;
  /** How long it has waited for places that it got; `undefined` where it got none. */
  #waitedMs: number | undefined;
  readonly #waiter: Waiter = {
    onTurn: () => this.#nextBackend('turn'),
    onTimeout: () => {
      this.#queue = undefined;
      this.#wasRefused = true;
      this.#nextBackend('timeout');
    },
  };
  #aborted = false;
  #gaveUpInQueue = false;

  constructor(route: Route, options: ConnectorOptions, events: ConnectorEvents) {
    this.#route = route;
    this.#options = options;
    const { attempts, budgetMs } = options.timeouts.search;
    this.#attemptsLeft = attempts;
    this.#budget = new SearchBudget(budgetMs, () => this.#useUp());
    this.#events = events;
  }

  /** That is tried; of two, the older one. */
  get address(): ResolvedAddress | undefined {
    return this.#attempts[0]?.address;
  }

  /** It waits for a place, or has done so until it gave up. */
  get isQueued(): boolean {
    return this.#queue !== undefined || this.#gaveUpInQueue;
  }

  start(): void {
    if (this.#aborted) return;
    this.#nextBackend();
  }

  /**
   * Gives up at once; no event follows.
   *
   * @param hasLeft whether that is the client's doing
   */
  abort(hasLeft = false): void {
    this.#aborted = true;
    this.#gaveUpInQueue ||= this.#queue !== undefined;
    this.#leaveQueue(hasLeft ? 'left' : undefined);
    this.#budget.stop();
    this.#leaving.clear();
    for (const attempt of this.#attempts) attempt.drop();
    this.#attempts = [];
  }

  /** Leaves the backend at hand for another one. */
  turnBack(): void {
    const backend = this.#backend;
    if (this.#aborted || backend === undefined) return;
    this.#backend = undefined;
    for (const attempt of this.#attempts) attempt.drop();
    this.#attempts = [];
    this.#left = [];
    this.#events.onTurnedBack(backend);
    this.#nextBackend();
  }

  /** @param word of the queue */
  #nextBackend(word?: QueueWord): void {
    let said = word;
    for (let passedOver = 0; passedOver < PASSED_OVER_AT_ONCE; passedOver++) {
      if (this.#aborted) return;
      const next = this.#route.next(said);
      said = undefined;
      if (next instanceof Promise) {
        const goOn = (backend: NextHop) => {
          if (!this.#tryBackend(backend)) this.#nextBackend();
        };
        // A route that fails has no backend to offer.
        next.then(goOn, () => goOn(undefined));
        return;
      }
      if (this.#tryBackend(next)) return;
    }
    setImmediate(() => this.#nextBackend());
  }

  /** False when it has to be passed over: another one is to be asked for. */
  #tryBackend(backend: NextHop): boolean {
    if (this.#aborted) return true;
    if (backend === undefined || this.#attemptsLeft === 0) {
      this.#exhausted();
      return true;
    }
    // Only an engine that accepts has a cycle.
    if (backend === 'denied' || backend === 'by cycle') {
      this.#events.onDenied();
      return true;
    }
    this.#beginSearch();
    if (backend === 'queue') {
      this.#wait();
      return true;
    }
    if (this.#queue === undefined) this.#budget.run();
    if (!this.#events.takePlace(backend)) return false;
    this.#leaveQueue('served');
    this.#budget.run();
    this.#backend = backend;
    this.#lacksPort = this.#wasRefused = false;
    this.#left = this.#events.addressesOf(backend);
    this.#advance(backend);
    return true;
  }

  #beginSearch(): void {
    if (this.#begunAt !== undefined) return;
    this.#begunAt = now();
    this.noteClient();
  }

  /** What it waits for is not a backend that is silent: its budget stands still. */
  #wait(): void {
    if (this.#queue !== undefined) {
      this.#queue.stay(this.#waiter);
      return;
    }
    this.#budget.stop();
    const queue = this.#events.queueOf(this.#route.pool);
    if (!queue.enter(this.#waiter, this.#waitedMs)) {
      this.#wasRefused = true;
      this.#nextBackend('full');
      return;
    }
    this.#queue = queue;
    this.#queuedAt = now();
  }

  #leaveQueue(figure?: 'served' | 'left'): void {
    this.#queue?.leave(this.#waiter, figure);
    if (this.#queue !== undefined && figure === 'served')
      this.#waitedMs = (this.#waitedMs ?? 0) + now() - this.#queuedAt;
    this.#queue = undefined;
  }

  /** Tries the next address where none is being tried, or beside one that is slow. */
  #advance(backend: number): void {
    const [running, rival] = this.#attempts;
    const [next, ...others] = this.#left;
    if (running === undefined && next === undefined) {
      if (this.#lacksPort) this.#events.onTurnedBack(backend);
      else this.#events.onBackendFailed(backend);
      this.#nextBackend();
    } else if (running === undefined && this.#attemptsLeft === 0) {
      this.#exhausted();
    } else if (next !== undefined && rival === undefined && this.#attemptsLeft > 0) {
      if (running !== undefined && !(running.isSlow && canRace(running.address, next))) return;
      this.#left = others;
      this.#begin(backend, next);
    }
  }

  #begin(backend: number, address: ResolvedAddress): void {
    const { timeouts, keepAliveMs } = this.#options;
    const isWatched = canRace(address, this.#left[0]);
    const sources = this.#events.sourcesFor(backend, address);
    const options = { timeoutMs: timeouts.connectMs, keepAliveMs, isWatched, sources };
    this.#attemptsLeft -= 1;
    const attempt = new Attempt(address, options, {
      onSetOut: (socket) => this.#events.onSetOut(socket, address),
      onConnected: () => this.#connected(backend, attempt),
      onFailed: (code) => this.#failed(backend, attempt, code),
      onNoPort: () => this.#lacked(backend, attempt),
      onNoSource: (source) => this.#events.onNoSource(backend, source),
      onReset: (cause) => this.#events.onReset(backend, cause),
      onSlow: () => this.#advance(backend),
    });
    this.#attempts = [...this.#attempts, attempt];
    this.#first ??= attempt;
  }

  /** No port was left. Nothing was sent, so it is no attempt. */
  #lacked(backend: number, attempt: Attempt): void {
    attempt.drop();
    this.#attempts = this.#attempts.filter((other) => other !== attempt);
    this.#attemptsLeft += 1;
    this.#lacksPort = true;
    this.#events.onNoPort(backend, attempt.address);
    if (!this.#aborted) this.#advance(backend);
  }

  #failed(backend: number, attempt: Attempt, code: string): void {
    attempt.drop();
    const [older] = this.#attempts;
    this.#attempts = this.#attempts.filter((other) => other !== attempt);
    if (older !== undefined && older !== attempt && SHORTAGES.has(code)) {
      // The older one has what it takes, and goes on; the other is tried again when that stays silent.
      older.watch();
      this.#attemptsLeft += 1;
      this.#left = [attempt.address, ...this.#left];
      return;
    }
    this.#events.onAttemptFailed(backend, attempt.address, code);
    if (!this.#aborted) this.#advance(backend);
  }

  /** The client may have ended its stream. Where it has sent nothing, it may have left, or may only listen. */
  noteClient(): void {
    if (!this.#options.timeouts.search.abortOnClose || this.#begunAt === undefined) return;
    if (!this.#events.hasClientLeft()) return;
    this.#leaving.start(Math.max(this.#begunAt + LISTENS_FOR_MS - now(), 0), () => {
      if (!this.#events.hasClientLeft()) return;
      this.abort(true);
      this.#events.onClientLeft();
    });
  }

  #exhausted(): void {
    this.abort();
    const reached = this.#first === undefined ? 'route' : 'connect';
    this.#events.onExhausted(this.#wasRefused ? 'queue' : reached);
  }

  /**
   * The budget is used up. The first attempt had all of it, and has failed where it is still silent. Of one that began
   * later nobody knows what the rest of its time would have brought.
   */
  #useUp(): void {
    const backend = this.#backend;
    const failed = this.#attempts.find((attempt) => attempt === this.#first);
    const isWhole = this.#left.length === 0 && this.#attempts.length === 1;
    this.abort();
    if (backend !== undefined && failed !== undefined) {
      this.#events.onAttemptFailed(backend, failed.address, 'ETIMEDOUT');
      if (isWhole) this.#events.onBackendFailed(backend);
    }
    this.#exhausted();
  }

  #connected(backend: number, winner: Attempt): void {
    const [older] = this.#attempts;
    for (const attempt of this.#attempts) if (attempt !== winner) attempt.drop();
    this.#attempts = [winner];
    if (older !== undefined && older !== winner) this.#events.onOutrun(backend, older.address);
    if (this.#aborted) return;
    const { ageMs } = winner;
    const reader = winner.take();
    this.abort();
    this.#events.onConnected(backend, reader, ageMs);
  }
}

/** Whether one may be tried beside the other. */
function canRace(one: ResolvedAddress, other: ResolvedAddress | undefined): boolean {
  return one.kind === 'tcp' && other?.kind === 'tcp' && one.family !== other.family;
}
