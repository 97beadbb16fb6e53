import type { Socket } from 'node:net';
import type { ResolvedAddress } from '../../model/address.js';
import { clearTimeout, now, setTimeout } from '../../timers.js';
import { PatientTimer } from '../patient-timer.js';
import { resetSocket } from '../reset-socket.js';
import { DirectReader, type Reader } from './reader.js';
import { connectSocket, errorCode, isConnectedToItself, wasConnected } from './sockets.js';
import { hasSourceFor } from './source-probe.js';

/** Between two looks at a unix backend whose queue is full: the kernel tells nobody when it has room again. */
const QUEUE_RETRY_MS = 50;

/** How long an address has for itself: the Connection Attempt Delay of RFC 8305, section 8. */
const ATTEMPT_DELAY_MS = 250;

/** `onConnected`, `onFailed` or `onReset` is the last that it tells. Then comes `take()` or `drop()`. */
export interface AttemptEvents {
  /** A socket was told to connect. */
  onSetOut(socket: Socket): void;
  onConnected(): void;
  onFailed(code: string): void;
  /** No local port is left for the address, from none of the source addresses. The last that it tells, as `onFailed`. */
  onNoPort(): void;
  /** This machine does not have a source address; the next one is tried. */
  onNoSource(source: string): void;
  /** It was accepted, and reset since. */
  onReset(cause: Error): void;
  /** No answer yet, and the time that an address has for itself is over. Told only of one that is watched. */
  onSlow(): void;
}

export interface AttemptOptions {
  /** 0 leaves it to the system. */
  readonly timeoutMs: number;
  /** As for `connectSocket`. */
  readonly keepAliveMs: number;
  readonly isWatched: boolean;
  /** Addresses of this machine that it may come from, to be tried in this order; none: the system picks. */
  readonly sources: readonly string[];
}

/** A try to connect to one address. */
export class Attempt {
  readonly address: ResolvedAddress;
  /** Another may be tried beside it. */
  isSlow = false;
  readonly #begunAt = now();
  readonly #keepAliveMs: number;
  /** Those that were not tried, and the one that is. */
  #sources: readonly string[];
  readonly #events: AttemptEvents;
  readonly #timeout = new PatientTimer();
  readonly #delay = new PatientTimer();
  #reader: Reader | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Calls off what it asks this machine. */
  #endProbe = () => {};

  /** No event but `onSetOut` comes before this returns. */
  constructor(address: ResolvedAddress, options: AttemptOptions, events: AttemptEvents) {
    this.address = address;
    this.#keepAliveMs = options.keepAliveMs;
    this.#sources = options.sources;
    this.#events = events;
    if (options.timeoutMs > 0) {
      const code = address.kind === 'unix' ? 'EAGAIN' : 'ETIMEDOUT';
      this.#timeout.start(options.timeoutMs, () => events.onFailed(code));
    }
    if (options.isWatched) this.watch();
    this.#connect();
  }

  get ageMs(): number {
    return now() - this.#begunAt;
  }

  /** Tells when it has been silent for the time that an address has for itself, from now on. */
  watch(): void {
    this.isSlow = false;
    this.#delay.start(ATTEMPT_DELAY_MS, () => {
      this.isSlow = true;
      this.#events.onSlow();
    });
  }

  /** The connection. Its socket has no error listener any more; add one at once. */
  take(): Reader {
    const reader = this.#reader as Reader;
    this.#reader = undefined;
    reader.socket.removeAllListeners('error');
    return reader;
  }

  /** Gives up at once, also a connection that was not taken; no event follows. */
  drop(): void {
    this.#stopTimers();
    this.#endProbe();
    const socket = this.#reader?.socket;
    this.#reader = undefined;
    if (socket === undefined) return;
    socket.removeAllListeners('connect').removeAllListeners('error');
    // A failure that was on its way is of no interest any more, but an 'error' event needs a listener.
    socket.on('error', () => {});
    resetSocket(socket);
  }

  #connect(): void {
    const reader = DirectReader.create();
    const { socket } = reader;
    const [source] = this.#sources;
    connectSocket(socket, this.address, this.#keepAliveMs, source);
    this.#events.onSetOut(socket);
    this.#reader = reader;
    socket.once('error', (error) => {
      const code = errorCode(error);
      if (wasConnected(error)) this.#events.onReset(error);
      else if (code === 'EAGAIN' && this.address.kind === 'unix') {
        // Its queue is full, as with TCP when a SYN gets no answer: it waits, as that would, for the connect timeout.
        this.#retry = setTimeout(() => this.#connect(), QUEUE_RETRY_MS);
      } else if (source !== undefined && lacksPort(code)) {
        this.#tryNextSource(source, error);
      } else if (code === 'EADDRNOTAVAIL' && this.address.kind === 'tcp') {
        this.#endProbe = hasSourceFor(this.address, (has) => {
          if (has) this.#events.onNoPort();
          else this.#events.onFailed(code);
        });
      } else this.#events.onFailed(code);
    });
    socket.once('connect', () => {
      this.#stopTimers();
      if (isConnectedToItself(socket)) this.#events.onFailed('ECONNREFUSED');
      else this.#events.onConnected();
    });
  }

  /** `from` cannot be bound to, or has no port left. */
  #tryNextSource(from: string, error: NodeJS.ErrnoException): void {
    if (error.code === 'EADDRNOTAVAIL' && error.syscall === 'bind') this.#events.onNoSource(from);
    this.#sources = this.#sources.slice(1);
    if (this.#sources.length > 0) this.#connect();
    else this.#events.onNoPort();
  }

  #stopTimers(): void {
    this.#timeout.clear();
    this.#delay.clear();
    clearTimeout(this.#retry);
  }
}

/** What binding or connecting from a source address says when that has no port left, or is not there. */
const lacksPort = (code: string) => code === 'EADDRNOTAVAIL' || code === 'EADDRINUSE';
