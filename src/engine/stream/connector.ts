/** Connects to the first backend of a route that answers. */

import type { Socket } from 'node:net';
import { clearTimeout, setTimeout } from '../../timers.js';
import { askRoute } from '../ask-route.js';
import type { NextHop, ResolvedAddress, Route } from '../engine.js';
import { resetSocket } from '../reset-socket.js';
import { PatientTimer } from './patient-timer.js';
import { DirectReader, type Reader } from './reader.js';
import { connectSocket, errorCode, isConnectedToItself, wasConnected } from './sockets.js';

/** Between two looks at a unix backend whose queue is full: the kernel tells nobody when it has room again. */
const QUEUE_RETRY_MS = 50;

export interface ConnectorEvents {
  /** Where a backend is. */
  addressesOf(backend: number): readonly ResolvedAddress[];
  /** Whether a backend has room for a session; asked before any of its addresses is tried. */
  takePlace(backend: number): boolean;
  /** One address of a backend failed; the next one is tried. */
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string): void;
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

/** One attempt at a time: addresses of a backend in their order, then the next backend. */
export class Connector {
  readonly #route: Route;
  readonly #timeoutMs: number;
  readonly #keepAliveMs: number;
  readonly #events: ConnectorEvents;
  #socket: Socket | undefined;
  readonly #timer = new PatientTimer();
  #retry: NodeJS.Timeout | undefined;
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
    this.#drop();
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
      this.#tryAddress(backend, this.#events.addressesOf(backend));
    } else this.#nextBackend();
  }

  #tryAddress(backend: number, addresses: readonly ResolvedAddress[]): void {
    const [address, ...others] = addresses;
    if (address === undefined) {
      this.#events.onBackendFailed(backend);
      this.#nextBackend();
      return;
    }
    const fail = (code: string) => {
      this.#drop();
      this.#events.onAttemptFailed(backend, address, code);
      if (!this.#aborted) this.#tryAddress(backend, others);
    };
    if (this.#timeoutMs > 0) {
      const code = address.kind === 'unix' ? 'EAGAIN' : 'ETIMEDOUT';
      this.#timer.start(this.#timeoutMs, () => fail(code));
    }
    this.#attempt(backend, address, fail);
  }

  #attempt(backend: number, address: ResolvedAddress, fail: (code: string) => void): void {
    const reader = DirectReader.create();
    const { socket } = reader;
    connectSocket(socket, address, this.#keepAliveMs);
    this.#socket = socket;
    socket.once('error', (error) => {
      const code = errorCode(error);
      if (wasConnected(error)) this.#events.onReset(error);
      else if (code === 'EAGAIN' && address.kind === 'unix') {
        // Its queue is full, as with TCP when a SYN gets no answer: it waits, as that would, for the connect timeout.
        this.#retry = setTimeout(() => this.#attempt(backend, address, fail), QUEUE_RETRY_MS);
      } else fail(code);
    });
    socket.once('connect', () => {
      if (isConnectedToItself(socket)) {
        fail('ECONNREFUSED');
        return;
      }
      this.#timer.clear();
      this.#socket = undefined;
      socket.removeAllListeners('error');
      this.#events.onConnected(backend, reader);
    });
  }

  #drop(): void {
    this.#timer.clear();
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.removeAllListeners('connect').removeAllListeners('error');
    // A failure that was on its way is of no interest any more, but an 'error' event needs a listener.
    socket.on('error', () => {});
    resetSocket(socket);
  }
}
