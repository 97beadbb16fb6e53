/** Lets clients in while there are descriptors for them, and holds them back while there are none. */
import type { Socket } from 'node:net';
import { SplicewayError } from '../errors.js';
import type { Listener } from './listener.js';

/** How long listeners stay paused when no session ends meanwhile: the shortage may be someone else's. */
const RETRY_MS = 100;
/** Resuming a little below the limit keeps listeners from pausing again for every single client. */
const RESUME_SHARE = 0.95;
/** A listener hands over at most a client or two before it is paused, unless it cannot be. */
const WAITING_MAX = 256;

export interface AdmissionHost {
  /** Sessions alive now. */
  openSessions(): number;
  /** @throws SplicewayError `ERR_SPLICEWAY_RESOURCE_LIMIT`: try again later; anything else is final */
  start(socket: Socket, listener: number): void;
  onPaused(reason: string): void;
  onResumed(): void;
}

/**
 * Pauses all listeners of a proxy when its engine is full or the system has nothing left to give. Clients that
 * were accepted too late wait, unread, and are the first to be served.
 */
export class Admission {
  readonly #listeners: readonly Listener[];
  readonly #maxSessions: number;
  readonly #host: AdmissionHost;
  readonly #waiting: { readonly socket: Socket; readonly listener: number }[] = [];
  #paused = false;
  #timer: NodeJS.Timeout | undefined;
  #resumeScheduled: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(listeners: readonly Listener[], maxSessions: number, host: AdmissionHost) {
    this.#listeners = listeners;
    this.#maxSessions = maxSessions;
    this.#host = host;
  }

  /** A client that a listener accepted. Owns the socket. */
  take(socket: Socket, listener: number): void {
    if (this.#closed) socket.destroy();
    else if (this.#paused) this.#wait(socket, listener);
    else if (this.#isFull) {
      this.#wait(socket, listener);
      this.pause(`${this.#maxSessions} sessions are open, as many as the file descriptors allow`);
    } else {
      this.#start(socket, listener);
    }
  }

  /** Call it when a session has ended. */
  sessionEnded(): void {
    if (!this.#paused || this.#resumeScheduled !== undefined) return;
    if (this.#host.openSessions() > this.#maxSessions * RESUME_SHARE) return;
    // Sessions often end many at a time.
    this.#resumeScheduled = setImmediate(() => this.#tryToResume());
  }

  /** Pauses every listener that can be paused, until sessions end or some time has passed. */
  pause(reason: string): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    for (const listener of this.#listeners) listener.pause();
    this.#timer = setTimeout(() => this.#tryToResume(), RETRY_MS);
    this.#host.onPaused(reason);
  }

  /** Disconnects who still waits. The listeners are their owner's to close. */
  close(): void {
    this.#closed = true;
    this.#stopTimers();
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  get #isFull(): boolean {
    return this.#host.openSessions() >= this.#maxSessions;
  }

  /** False when the client waits after all. */
  #start(socket: Socket, listener: number): boolean {
    try {
      this.#host.start(socket, listener);
    } catch (error) {
      if (isShortage(error)) {
        this.#wait(socket, listener);
        this.pause(error.message);
        return false;
      }
      // A client that left in the meantime, most likely: its socket cannot be used.
      socket.destroy();
    }
    return true;
  }

  #wait(socket: Socket, listener: number): void {
    if (this.#waiting.length >= WAITING_MAX) {
      socket.destroy();
      return;
    }
    socket.on('error', ignore);
    this.#waiting.push({ socket, listener });
  }

  #tryToResume(): void {
    this.#stopTimers();
    if (this.#closed) return;
    if (!this.#serveWaiting() || this.#isFull) {
      this.#timer = setTimeout(() => this.#tryToResume(), RETRY_MS);
      return;
    }
    this.#paused = false;
    for (const listener of this.#listeners) listener.resume();
    this.#host.onResumed();
  }

  /** False when some still wait. */
  #serveWaiting(): boolean {
    while (!this.#isFull) {
      const next = this.#waiting.shift();
      if (next === undefined) return true;
      next.socket.off('error', ignore);
      if (!this.#start(next.socket, next.listener)) return false;
    }
    return this.#waiting.length === 0;
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
