/** Connects to the first backend of a route that answers. */

import type { Socket } from 'node:net';
import { askRoute } from '../ask-route.js';
import type { NextHop, ResolvedAddress, Route } from '../engine.js';
import { Attempt } from './attempt.js';
import type { Reader } from './reader.js';

/** For want of a descriptor, memory or a local port an attempt cannot even begin. */
const SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL']);

export interface ConnectorEvents {
  /** Where a backend is. */
  addressesOf(backend: number): readonly ResolvedAddress[];
  /** Whether a backend has room for a session; asked before any of its addresses is tried. */
  takePlace(backend: number): boolean;
  /** A socket was told to connect there. */
  onSetOut(socket: Socket, to: ResolvedAddress): void;
  /** One address of a backend failed; the next one is tried. */
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string): void;
  /** One address of a backend was still silent when another, which was tried later, answered. */
  onOutrun(backend: number, address: ResolvedAddress): void;
  /** Every address of a backend failed, or it has none; the route is asked for another. */
  onBackendFailed(backend: number): void;
  /** The end: connected. Its socket has no error listener yet; add one before this returns. */
  onConnected(backend: number, reader: Reader): void;
  /** The end: a backend accepted and has reset since. What it may have said is lost: Node gives no such socket. */
  onReset(cause: Error): void;
  /** The end: the route ran out. */
  onExhausted(): void;
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
  readonly #timeoutMs: number;
  readonly #keepAliveMs: number;
  readonly #events: ConnectorEvents;
  /** Of the backend at hand: those that were not tried yet. */
  #left: readonly ResolvedAddress[] = [];
  /** Two at most, the older one first. */
  #attempts: readonly Attempt[] = [];
  #aborted = false;

  /**
   * @param timeoutMs for each address; 0 leaves it to the system
   * @param keepAliveMs as for `connectSocket`
   */
  constructor(route: Route, timeoutMs: number, keepAliveMs: number, events: ConnectorEvents) {
    this.#route = route;
    this.#timeoutMs = timeoutMs;
    this.#keepAliveMs = keepAliveMs;
    this.#events = events;
  }

  start(): void {
    this.#nextBackend();
  }

  /** Gives up at once; no event follows. */
  abort(): void {
    this.#aborted = true;
    for (const attempt of this.#attempts) attempt.drop();
    this.#attempts = [];
  }

  #nextBackend(): void {
    if (this.#aborted) return;
    askRoute(this.#route, (backend) => this.#tryBackend(backend));
  }

  #tryBackend(backend: NextHop): void {
    if (this.#aborted) return;
    if (backend === undefined) this.#events.onExhausted();
    // Only an engine that accepts has a cycle.
    else if (backend === 'denied' || backend === 'by cycle') this.#events.onDenied();
    else if (this.#events.takePlace(backend)) {
      this.#left = this.#events.addressesOf(backend);
      this.#advance(backend);
    } else this.#nextBackend();
  }

  /** Tries the next address where none is being tried, or beside one that is slow. */
  #advance(backend: number): void {
    const [running, rival] = this.#attempts;
    const [next, ...others] = this.#left;
    if (running === undefined && next === undefined) {
      this.#events.onBackendFailed(backend);
      this.#nextBackend();
    } else if (next !== undefined && rival === undefined) {
      if (running !== undefined && !(running.isSlow && canRace(running.address, next))) return;
      this.#left = others;
      this.#begin(backend, next);
    }
  }

  #begin(backend: number, address: ResolvedAddress): void {
    const isWatched = canRace(address, this.#left[0]);
    const options = { timeoutMs: this.#timeoutMs, keepAliveMs: this.#keepAliveMs, isWatched };
    const attempt = new Attempt(address, options, {
      onSetOut: (socket) => this.#events.onSetOut(socket, address),
      onConnected: () => this.#connected(backend, attempt),
      onFailed: (code) => this.#failed(backend, attempt, code),
      onReset: (cause) => this.#events.onReset(cause),
      onSlow: () => this.#advance(backend),
    });
    this.#attempts = [...this.#attempts, attempt];
  }

  #failed(backend: number, attempt: Attempt, code: string): void {
    attempt.drop();
    const [older] = this.#attempts;
    this.#attempts = this.#attempts.filter((other) => other !== attempt);
    if (older !== undefined && older !== attempt && SHORTAGES.has(code)) {
      // The older one has what it takes, and goes on; the other is tried again when that stays silent.
      older.watch();
      this.#left = [attempt.address, ...this.#left];
      return;
    }
    this.#events.onAttemptFailed(backend, attempt.address, code);
    if (!this.#aborted) this.#advance(backend);
  }

  #connected(backend: number, winner: Attempt): void {
    const [older] = this.#attempts;
    for (const attempt of this.#attempts) if (attempt !== winner) attempt.drop();
    this.#attempts = [winner];
    if (older !== undefined && older !== winner) this.#events.onOutrun(backend, older.address);
    if (!this.#aborted) this.#events.onConnected(backend, winner.take());
  }
}

/** Whether one may be tried beside the other. */
function canRace(one: ResolvedAddress, other: ResolvedAddress | undefined): boolean {
  return one.kind === 'tcp' && other?.kind === 'tcp' && one.family !== other.family;
}
