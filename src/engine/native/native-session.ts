/** The JavaScript side of one session of the native engine: it asks for backends and hears of the end. */

import { Socket } from 'node:net';
import type { ResolvedAddress } from '../../model/address.js';
import type { CloseReason } from '../../model/close-reason.js';
import { askRoute } from '../ask-route.js';
import { rememberReading } from '../check-socket.js';
import type { EngineSession, QueueWord, Route, SessionObserver, SessionPlan } from '../engine.js';
import { closeReasons, Ending, type NativeBinding, type NativeEngineBinding } from './binding.js';
import type { Moved } from './event-ring.js';
import type { PickBatch } from './pick-batch.js';
import { systemError } from './system-error.js';
import type { TakenSocket } from './take-socket.js';

/** What a session needs of its engine. */
export interface NativeSessionHost {
  readonly binding: NativeEngineBinding;
  readonly picks: PickBatch;
  readonly module: Pick<NativeBinding, 'closeDescriptor' | 'guardDescriptor' | 'unguardDescriptor'>;
}

/** Ends of a session that come from here. */
const endings = {
  destroyed: Ending.reset,
  'no-backend': Ending.noBackend,
  denied: Ending.denied,
} as const;

export class NativeSession implements EngineSession {
  readonly #host: NativeSessionHost;
  #observer: SessionObserver | undefined;
  #route: Route | undefined;
  /** What the loops call it; `undefined` before the start and after the end. */
  #name: number | undefined;
  /** Ends the wait for what Node still has to write, with the session. */
  #endWait: (() => void) | undefined;
  /** The client once more, to be given back where no backend answers. */
  #kept: TakenSocket | undefined;
  /** Why `end` was asked for, once it was. */
  #ending: keyof typeof endings | undefined;
  #isClosed = false;
  /** Bytes upstream and downstream, when last looked at. */
  readonly #moved = new Float64Array(2);

  constructor(host: NativeSessionHost) {
    this.#host = host;
  }

  get name(): number | undefined {
    return this.#name;
  }

  /** Number of the pool that its route picks from; `undefined` for a join. */
  get pool(): number | undefined {
    return this.#route?.pool;
  }

  get bytesUpstream(): number {
    return this.#look()[0] ?? 0;
  }

  get bytesDownstream(): number {
    return this.#look()[1] ?? 0;
  }

  /** Says whom to tell and ask. Without a route, the backend is connected already. */
  follow({ observer, route }: Partial<SessionPlan>): void {
    this.#observer = observer;
    this.#route = route;
  }

  /** Node still has to write what was queued on its sockets. @param end for whoever destroys it before `start` */
  wait(end: () => void): void {
    this.#endWait = end;
  }

  /** Owns the descriptor, which is a second one of the client's socket. */
  keep(client: TakenSocket): void {
    this.#kept = client;
    this.#host.module.guardDescriptor(client.fd);
  }

  /** The loops know the session by this name from now on. */
  start(name: number): void {
    this.#endWait = undefined;
    this.#name = name;
  }

  /** The loops wait for a backend. @param word as for `Route.next` */
  pick(word?: QueueWord): void {
    const route = this.#route;
    if (route === undefined || this.#ending !== undefined) return;
    askRoute(route, word, (next) => {
      if (next === undefined) this.#end('no-backend');
      else if (next === 'denied') this.#end('denied');
      else if (this.#ending !== undefined) return;
      else if (next === 'queue') this.#host.picks.queue(this, route.pool);
      else this.#host.picks.add(this, next);
    });
  }

  /** The loops try no other backend. */
  giveUp(): void {
    this.#end('no-backend');
  }

  destroy(): void {
    const endWait = this.#endWait;
    if (endWait === undefined) {
      this.#end('destroyed');
      return;
    }
    // Not in this call: whoever destroys it hears of the end afterwards. It may have started by then.
    queueMicrotask(() => {
      endWait();
      this.#end('destroyed');
    });
  }

  onAttemptFailed(backend: number, address: ResolvedAddress, code: string): void {
    this.#observer?.onAttemptFailed(backend, address, code);
  }

  onOutrun(backend: number, address: ResolvedAddress): void {
    this.#observer?.onOutrun(backend, address);
  }

  onNoPort(backend: number, address: ResolvedAddress, count: number): void {
    this.#observer?.onNoPort(backend, address, count);
  }

  onNoSource(backend: number, source: string, count: number): void {
    this.#observer?.onNoSource(backend, source, count);
  }

  onEarlyReset(backend: number): void {
    this.#observer?.onEarlyReset(backend);
  }

  onOpened(backend: number): void {
    this.#letGo();
    // A join has no backend of the pool.
    if (this.#route !== undefined) this.#observer?.onOpen(backend);
  }

  /** The last event of a session that has started; reports the end. */
  onClosed(reasonNumber: number, errno: number, { upstream, downstream }: Moved): void {
    this.#name = undefined;
    this.#moved.set([upstream, downstream]);
    const reason = closeReasons[reasonNumber] ?? 'reset';
    this.close(reason === 'ended' ? (this.#ending ?? 'destroyed') : reason, systemError(errno));
  }

  /** Reports the end, once. */
  close(reason: CloseReason, cause?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endWait = undefined;
    const client = reason === 'no-backend' ? this.#giveBack() : undefined;
    this.#letGo();
    this.#observer?.onClose(reason, cause, client);
  }

  /** The loops have read nothing of it: what Node and the program had read is what they were given. */
  #giveBack(): Socket | undefined {
    if (this.#kept === undefined) return undefined;
    const { fd, prefix, reading } = this.#kept;
    this.#kept = undefined;
    this.#host.module.unguardDescriptor(fd);
    const socket = new Socket({ fd, allowHalfOpen: true, readable: true, writable: true });
    if (prefix !== undefined) socket.unshift(prefix);
    rememberReading(socket, reading);
    // It may fail before the program hears of it.
    return socket.on('error', () => {}).pause();
  }

  #letGo(): void {
    if (this.#kept === undefined) return;
    this.#host.module.unguardDescriptor(this.#kept.fd);
    this.#host.module.closeDescriptor(this.#kept.fd);
    this.#kept = undefined;
  }

  #end(why: keyof typeof endings): void {
    if (this.#name === undefined || this.#ending !== undefined) return;
    this.#ending = why;
    this.#host.binding.end(this.#name, endings[why]);
  }

  /** What it had moved at the last look, where it has ended and nobody has told yet. */
  #look(): Float64Array {
    if (this.#name !== undefined) this.#host.binding.moved(this.#name, this.#moved);
    return this.#moved;
  }
}
