/** The JavaScript side of one session of the native engine: it chooses addresses and hears of the end. */

import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { askRoute } from '../ask-route.js';
import type { CloseReason, EngineSession, Route, SessionObserver, Target } from '../engine.js';
import { resetSocket } from '../reset-socket.js';
import { sessionError } from '../session-errors.js';
import { closeReasons, Ending, type NativeEngineBinding } from './binding.js';

/** What a session needs of its engine. */
export interface NativeSessionHost {
  readonly binding: NativeEngineBinding;
  /** Two words a slot. */
  readonly sessionWords: BigUint64Array;
}

export class NativeSession implements EngineSession {
  readonly #host: NativeSessionHost;
  readonly #observer: SessionObserver;
  readonly #route: Route | undefined;
  /** Slot in the loops' tables; `undefined` before the start and after the end. */
  #slot: number | undefined;
  #queued: readonly Socket[] | undefined;
  #target: Target | undefined;
  #address = 0;
  /** Why `end` was asked for. */
  #ending: 'destroyed' | 'no-backend' = 'destroyed';
  #isClosed = false;
  #finalUpstream = 0;
  #finalDownstream = 0;

  /** @param route `undefined` for a session whose backend is connected already */
  constructor(host: NativeSessionHost, observer: SessionObserver, route?: Route) {
    this.#host = host;
    this.#observer = observer;
    this.#route = route;
  }

  get bytesUpstream(): number {
    return this.#slot === undefined ? this.#finalUpstream : this.#word(this.#slot, 0);
  }

  get bytesDownstream(): number {
    return this.#slot === undefined ? this.#finalDownstream : this.#word(this.#slot, 1);
  }

  /** Node still has to write what was queued on these sockets; they stay with it until `start`. */
  wait(sockets: readonly Socket[]): void {
    this.#queued = sockets;
  }

  /** The loops know the session by this slot from now on. */
  start(slot: number): void {
    this.#queued = undefined;
    this.#slot = slot;
    this.#nextTarget();
  }

  destroy(): void {
    if (this.#queued !== undefined) {
      for (const socket of this.#queued) resetSocket(socket);
      queueMicrotask(() => this.close('destroyed'));
    }
    this.#end('destroyed');
  }

  /** An address failed; the next one is tried at once. */
  onAttemptFailed(errno: number): void {
    const target = this.#target;
    const address = target?.addresses[this.#address];
    if (target === undefined || address === undefined) return;
    this.#address += 1;
    try {
      this.#observer.onAttemptFailed(target.backend, address, nameOfError(errno));
    } finally {
      // Whatever the observer does: a session that waits for a backend has no time-out.
      this.#tryAddress(target);
    }
  }

  onOpened(): void {
    if (this.#target !== undefined) this.#observer.onOpen(this.#target.backend);
  }

  /** The last event of a session that had a slot, which is free from now on. Call the result to report the end. */
  onClosed(reasonNumber: number, errno: number): () => void {
    this.#finalUpstream = this.bytesUpstream;
    this.#finalDownstream = this.bytesDownstream;
    this.#slot = undefined;
    const reason = closeReasons[reasonNumber] ?? 'reset';
    return () => this.close(reason === 'ended' ? this.#ending : reason, systemError(errno));
  }

  /** Reports the end, once. */
  close(reason: CloseReason, cause?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queued = undefined;
    this.#observer.onClose(reason, sessionError(reason, cause));
  }

  #nextTarget(): void {
    if (this.#route !== undefined) askRoute(this.#route, (target) => this.#tryTarget(target));
  }

  #tryTarget(target: Target | undefined): void {
    this.#target = target;
    this.#address = 0;
    if (target === undefined) this.#end('no-backend');
    else this.#tryAddress(target);
  }

  #tryAddress(target: Target): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    const address = target.addresses[this.#address];
    if (address === undefined) {
      this.#nextTarget();
      return;
    }
    const isLast = this.#address === target.addresses.length - 1;
    const { binding } = this.#host;
    if (address.kind === 'tcp') {
      binding.connectTcp(slot, target.backend, isLast, address.ip, address.port);
    } else {
      binding.connectUnix(slot, target.backend, isLast, address.path);
    }
  }

  #end(why: 'destroyed' | 'no-backend'): void {
    if (this.#slot === undefined) return;
    this.#ending = why;
    this.#host.binding.end(this.#slot, why === 'destroyed' ? Ending.reset : Ending.noBackend);
  }

  #word(slot: number, word: number): number {
    return Number(Atomics.load(this.#host.sessionWords, slot * 2 + word));
  }
}

/** `ECONNREFUSED` for 111. */
export function nameOfError(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : 'UNKNOWN';
}

function systemError(errno: number): Error | undefined {
  if (errno === 0) return undefined;
  const code = nameOfError(errno);
  return Object.assign(new Error(`the system said ${code}`), { code, errno: -errno });
}
