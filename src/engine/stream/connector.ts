/** Connects to the first target of a route that answers. */
import type { Socket } from 'node:net';
import { askRoute } from '../ask-route.js';
import type { ResolvedAddress, Route, Target } from '../engine.js';
import { connectSocket, errorCode } from './sockets.js';

export interface ConnectorEvents {
  /** One address of a target failed; the next one is tried. */
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string): void;
  /** Every address of a target failed; the route is asked for another. */
  onTargetFailed(backend: number): void;
  /** The end: connected. The socket has no error listener yet; add one before this returns. */
  onConnected(backend: number, socket: Socket): void;
  /** The end: the route ran out. */
  onExhausted(): void;
}

/** One attempt at a time: addresses of a target in their order, then the next target. */
export class Connector {
  readonly #route: Route;
  readonly #timeoutMs: number;
  readonly #events: ConnectorEvents;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #aborted = false;

  /** @param timeoutMs for each address; 0 leaves it to the system */
  constructor(route: Route, timeoutMs: number, events: ConnectorEvents) {
    this.#route = route;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
  }

  start(): void {
    this.#nextTarget();
  }

  /** Gives up at once; no event follows. */
  abort(): void {
    this.#aborted = true;
    this.#drop();
  }

  #nextTarget(): void {
    askRoute(this.#route, (target) => this.#tryTarget(target));
  }

  #tryTarget(target: Target | undefined): void {
    if (this.#aborted) return;
    if (target === undefined) this.#events.onExhausted();
    else this.#tryAddress(target, 0);
  }

  #tryAddress(target: Target, index: number): void {
    const address = target.addresses[index];
    if (address === undefined) {
      this.#events.onTargetFailed(target.backend);
      this.#nextTarget();
      return;
    }
    const socket = connectSocket(address);
    this.#socket = socket;
    const fail = (code: string) => {
      this.#drop();
      this.#events.onAttemptFailed(target.backend, address, code);
      if (!this.#aborted) this.#tryAddress(target, index + 1);
    };
    socket.once('error', (error) => fail(errorCode(error)));
    socket.once('connect', () => {
      clearTimeout(this.#timer);
      this.#socket = undefined;
      socket.removeAllListeners('error');
      this.#events.onConnected(target.backend, socket);
    });
    if (this.#timeoutMs > 0) {
      this.#timer = setTimeout(() => fail('ETIMEDOUT'), this.#timeoutMs);
    }
  }

  #drop(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.removeAllListeners('connect').removeAllListeners('error');
    // A failure that was on its way is of no interest any more, but an 'error' event needs a listener.
    socket.on('error', () => {});
    socket.destroy();
  }
}
