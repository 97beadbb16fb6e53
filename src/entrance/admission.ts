/** Lets clients in while there are descriptors for them, and holds them back while there are none. */

import type { Socket } from 'node:net';
import { SplicewayError } from '../errors/catalogue.js';
import { throwLater } from '../session/emit.js';
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../timers.js';

/** How long listeners stay paused when no session ends meanwhile: the shortage may be someone else's. */
const RETRY_MS = 100;
/** Resuming a little below the limit keeps listeners from pausing again for every single client. */
const RESUME_SHARE = 0.95;
/** A listener hands over at most a client or two before it is paused, unless it cannot be. */
export const WAITING_MAX = 256;

/** A listener on which Node accepts. */
export interface Pausable {
  /** Leaves clients in the queue of the kernel. False where that cannot be. */
  pause(): boolean;
  resume(): void;
}

export interface AdmissionHost {
  /** Sessions alive now, of those that the limit is for. */
  openSessions(): number;
  /** @throws SplicewayError `ERR_SPLICEWAY_RESOURCE_LIMIT`: try again later; anything else is final */
  start(socket: Socket, listener: number): void;
  onPaused(reason: string): void;
  onResumed(): void;
  /** So many clients were disconnected while they waited, or instead of waiting. */
  onDropped(clients: number): void;
}

/** How many sessions there may be at once, which may change, and why no other begins. */
export interface AdmissionLimit {
  readonly most: number;
  readonly reached: string;
}

/** A client that was accepted, and the row of its listener. */
interface Client {
  readonly socket: Socket;
  readonly listener: number;
}

/**
 * Pauses all listeners of a proxy when its engine is full or the system has nothing left to give; or those of a service
 * when that has as many sessions as it may. Clients that were accepted too late wait, unread, and are the first to be served.
 */
export class Admission {
  readonly #listeners = new Map<number, Pausable>();
  readonly #limit: AdmissionLimit;
  readonly #host: AdmissionHost;
  readonly #waiting: Client[] = [];
  #paused = false;
  #timer: NodeJS.Timeout | undefined;
  #resumeScheduled: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(limit: AdmissionLimit, host: AdmissionHost) {
    this.#limit = limit;
    this.#host = host;
  }

  /** One listener more. @param row what its clients are given to `take()` with */
  add(row: number, listener: Pausable): void {
    this.#listeners.set(row, listener);
    if (this.#paused) listener.pause();
  }

  /** It is not paused or resumed any more. Who has come to it and waits is served like all others. */
  delete(row: number): void {
    this.#listeners.delete(row);
  }

  /** How many clients of a listener wait. */
  waiting(row: number): number {
    return this.#waiting.filter(({ listener }) => listener === row).length;
  }

  /** Disconnects those who wait and have come to a listener. */
  drop(row: number): void {
    const dropped = this.release(row);
    for (const socket of dropped) socket.destroy();
    if (dropped.length > 0) this.#host.onDropped(dropped.length);
  }

  /** Those who wait and have come to a listener wait here no more: they are the caller's. */
  release(row: number): readonly Socket[] {
    const released = this.#waiting.filter(({ listener }) => listener === row);
    for (const client of released) {
      this.#waiting.splice(this.#waiting.indexOf(client), 1);
      client.socket.off('error', ignore);
    }
    return released.map(({ socket }) => socket);
  }

  /** A client that a listener accepted. Owns the socket. */
  take(socket: Socket, listener: number): void {
    const client = { socket, listener };
    if (this.#closed) socket.destroy();
    else if (this.#paused) this.#wait(client);
    else if (this.#isFull) {
      this.#wait(client);
      this.pause(this.#limit.reached);
    } else {
      const shortage = this.#start(client);
      if (shortage === undefined) return;
      this.#wait(client);
      this.pause(shortage.message);
    }
  }

  /** Call it when a session has ended, or when there may be more. */
  sessionEnded(): void {
    if (!this.#paused || this.#resumeScheduled !== undefined) return;
    if (this.#host.openSessions() > this.#limit.most * RESUME_SHARE) return;
    // Sessions often end many at a time.
    this.#resumeScheduled = setImmediate(() => this.#tryToResume());
  }

  /**
   * Pauses every listener that can be paused, until sessions end or some time has passed. False when there is
   * nothing to hold back: no listener can be paused, and nobody waits.
   */
  pause(reason: string): boolean {
    if (this.#paused || this.#closed) return true;
    // First of all: whatever comes of the rest, somebody will try again.
    this.#retryLater();
    const paused = [...this.#listeners.values()].filter((listener) => listener.pause());
    if (paused.length === 0 && this.#waiting.length === 0) {
      this.#stopTimers();
      return false;
    }
    this.#paused = true;
    this.#host.onPaused(reason);
    return true;
  }

  /** Disconnects who still waits. The listeners are their owner's to close. */
  close(): void {
    this.#closed = true;
    this.#stopTimers();
    const waiting = this.#waiting.splice(0);
    for (const { socket } of waiting) socket.destroy();
    if (waiting.length > 0) this.#host.onDropped(waiting.length);
  }

  get #isFull(): boolean {
    return this.#host.openSessions() >= this.#limit.most;
  }

  /** Returns why the client has to wait; its socket is untouched then. */
  #start({ socket, listener }: Client): SplicewayError | undefined {
    try {
      this.#host.start(socket, listener);
    } catch (error) {
      if (isShortage(error)) return error;
      // A client that left in the meantime, most likely: its socket cannot be used. Anything else is a mistake in
      // this program, and must be heard of.
      socket.destroy();
      if (!(error instanceof SplicewayError)) throwLater(error);
    }
    return undefined;
  }

  #wait(client: Client): void {
    if (this.#waiting.length >= WAITING_MAX) {
      client.socket.destroy();
      this.#host.onDropped(1);
      return;
    }
    client.socket.on('error', ignore);
    this.#waiting.push(client);
  }

  #tryToResume(): void {
    this.#stopTimers();
    if (!this.#paused || this.#closed) return;
    const nobodyWaits = this.#serveWaiting();
    // A listener of 'session' may have closed the proxy.
    if (this.#closed) return;
    if (!nobodyWaits || this.#isFull) {
      this.#retryLater();
      return;
    }
    this.#paused = false;
    for (const listener of this.#listeners.values()) listener.resume();
    this.#host.onResumed();
  }

  /** In the order in which they came. False when some still wait. */
  #serveWaiting(): boolean {
    while (!this.#isFull) {
      const client = this.#waiting.shift();
      if (client === undefined) return true;
      client.socket.off('error', ignore);
      if (this.#start(client) === undefined) continue;
      client.socket.on('error', ignore);
      this.#waiting.unshift(client);
      return false;
    }
    return this.#waiting.length === 0;
  }

  #retryLater(): void {
    this.#timer = setTimeout(() => this.#tryToResume(), RETRY_MS);
  }

  #stopTimers(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#resumeScheduled);
    this.#resumeScheduled = undefined;
  }
}

function isShortage(error: unknown): error is SplicewayError {
  return error instanceof SplicewayError && error.code === 'ERR_SPLICEWAY_RESOURCE_LIMIT';
}

function ignore(): void {}
