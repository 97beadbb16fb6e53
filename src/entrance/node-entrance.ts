import type { Socket } from 'node:net';
import type { ChosenEngine } from '../engine/choose.js';
import { resetSocket } from '../engine/reset-socket.js';
import { clientOf, droppedClients } from '../errors/messages.js';
import type { ListenAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import { emitSafely } from '../session/emit.js';
import { setImmediate } from '../timers.js';
import { Admission, WAITING_MAX } from './admission.js';
import { Bind } from './bind.js';
import { ClientCounter } from './client-limit.js';
import {
  cannotAccept,
  type Entrance,
  type EntranceHost,
  warnOfCameBack,
  warnOfRefused,
} from './entrance.js';
import { Listener } from './listener.js';
import type { Service } from './service.js';
import { ServiceGates } from './service-gates.js';

/** Node accepts, and each client passes through JavaScript once. */
export class NodeEntrance implements Entrance {
  readonly #host: EntranceHost;
  readonly #chosen: ChosenEngine;
  readonly #gates: ServiceGates;
  /** Behind the gates, where all clients come together. */
  readonly #admission: Admission;
  readonly #clients = new ClientCounter();
  /** By row, once they have started. */
  readonly #binds = new Map<number, Bind>();
  #isClosed = false;
  /** Rows from which nobody comes to the engine any more. */
  readonly #closed = new Set<number>();
  /** Clients who came before, by row. Node accepts from the moment on that it listens. */
  readonly #early = new Map<number, Socket[]>();

  constructor(chosen: ChosenEngine, host: EntranceHost) {
    this.#host = host;
    this.#chosen = chosen;
    const { emitter, sessions, warnings } = host;
    const onDropped = (clients: number) => warnings.count('dropped', clients, droppedClients);
    const everywhere = { listener: undefined, listenerName: undefined };
    const at = ({ service, name }: Bind) => ({ listener: name, listenerName: service.name });
    const now = () => ({ openSessions: sessions.open });
    this.#admission = new Admission(chosen.engine.limit, {
      openSessions: () => sessions.open,
      start: (socket, row) => this.#serve(socket, this.#at(row)),
      onPaused: (reason) =>
        emitSafely(emitter, 'listenerPaused', { ...everywhere, reason, ...now() }),
      onResumed: () => emitSafely(emitter, 'listenerResumed', { ...everywhere, ...now() }),
      onDropped,
    });
    this.#gates = new ServiceGates({
      admit: (socket, row) => this.#admission.take(socket, row),
      waiting: (row) => this.#admission.waiting(row),
      onPaused: (bind, reason) =>
        emitSafely(emitter, 'listenerPaused', { ...at(bind), reason, ...now() }),
      onResumed: (bind) => emitSafely(emitter, 'listenerResumed', { ...at(bind), ...now() }),
      onDropped,
    });
  }

  async open(row: number, address: ListenAddress, service: Service): Promise<Bind> {
    const listener = new Listener(
      address,
      {
        onConnection: (socket) => this.#take(socket, row),
        onAcceptError: (error) => this.#acceptFailed(listener, error),
      },
      this.#chosen.native?.descriptors,
      this.#host.keepAliveMs,
    );
    this.#early.set(row, []);
    try {
      await listener.open();
    } catch (error) {
      this.#disconnectEarly(row);
      listener.close();
      throw error;
    }
    return new Bind(row, listener, service);
  }

  start(bind: Bind): void {
    const { row } = bind;
    if (this.#isClosed) {
      this.stop(bind);
      return;
    }
    this.#binds.set(row, bind);
    this.#admission.add(row, {
      pause: () => bind.pause('shortage'),
      resume: () => bind.resume('shortage'),
    });
    this.#gates.update(bind);
    if (bind.service.isPaused) bind.pause('operator');
    const early = this.#early.get(row) ?? [];
    this.#early.delete(row);
    // Later, for whoever is told of a client now may change things again.
    setImmediate(() => {
      for (const socket of early) {
        socket.off('error', ignore);
        this.#gates.take(socket, row);
      }
    });
  }

  /** A client is served by what its service says when it comes. */
  update(bind: Bind): void {
    this.#gates.update(bind);
  }

  pause(bind: Bind): boolean {
    return bind.pause('operator');
  }

  resume(bind: Bind): void {
    bind.resume('operator');
  }

  stop(bind: Bind): void {
    const { row, listener } = bind;
    this.#admission.delete(row);
    this.#gates.stop(bind);
    this.#disconnectEarly(row);
    listener.close();
  }

  isVacant({ row }: Bind): boolean {
    if (this.#gates.waiting(row) + this.#admission.waiting(row) > 0) return false;
    // The last one that waited may have been given to the engine just now.
    if (!this.#closed.has(row)) this.#chosen.engine.tables.closeListener(row);
    this.#closed.add(row);
    return true;
  }

  drop({ row }: Bind): void {
    this.#gates.drop(row);
    this.#admission.drop(row);
  }

  forget(bind: Bind): void {
    const { row } = bind;
    this.#gates.forget(bind);
    this.#binds.delete(row);
    this.#closed.delete(row);
  }

  close(): void {
    this.#isClosed = true;
    for (const bind of this.#binds.values()) {
      this.#disconnectEarly(bind.row);
      bind.listener.close();
    }
    this.#gates.close();
    this.#admission.close();
  }

  sessionEnded(): void {
    this.#admission.sessionEnded();
  }

  /** All sessions pass through JavaScript in any case. */
  attend(): void {}

  #take(socket: Socket, row: number): void {
    const early = this.#early.get(row);
    if (early === undefined) this.#gates.take(socket, row);
    else if (early.length >= WAITING_MAX) socket.destroy();
    else early.push(socket.on('error', ignore));
  }

  #disconnectEarly(row: number): void {
    for (const socket of this.#early.get(row) ?? []) socket.destroy();
    this.#early.delete(row);
  }

  #serve(socket: Socket, bind: Bind): void {
    const { service, name, address: bound } = bind;
    // Of a client that has reset its connection the kernel has forgotten who it was.
    const isKnown = socket.remoteAddress !== undefined || bound.family === 'unix';
    const { address } = clientOf(socket);
    const ownBackend = this.#chosen.engine.cameBack(socket);
    if (ownBackend !== undefined) {
      this.#refuse(socket, bind);
      warnOfCameBack(this.#host, ownBackend, 1);
      return;
    }
    const leave = this.#enter(address, bind);
    if (leave === undefined) {
      this.#refuse(socket, bind);
      return;
    }
    const route = (client: ClientAddress) => service.route(client, name, isKnown);
    const { timeouts } = service;
    try {
      this.#host.sessions.start(socket, service.originOf(bind), route, {
        isAccepted: true,
        timeouts,
        onEnded: leave,
      });
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** @returns to be called when the session has ended; `undefined` for a client that has as many as one may, of which a warning tells */
  #enter(address: string, bind: Bind): (() => void) | undefined {
    const { service } = bind;
    const leave = this.#clients.enter(address, this.#host.clientLimits);
    if (leave === undefined) {
      warnOfRefused(this.#host, address, 1);
      return undefined;
    }
    const leaveService = this.#clients.enter(address, service.limits.clients, service.number);
    if (leaveService === undefined) {
      leave();
      warnOfRefused(this.#host, address, 1, service);
      return undefined;
    }
    const ended = this.#gates.began(bind);
    return () => {
      leave();
      leaveService();
      ended();
    };
  }

  #refuse(socket: Socket, { row }: Bind): void {
    resetSocket(socket);
    this.#chosen.engine.countRejected(row);
  }

  #acceptFailed(listener: Listener, error: Error): void {
    const { code = error.message } = error as NodeJS.ErrnoException;
    const what = cannotAccept(listener.name, code);
    if (this.#admission.pause(what)) return;
    this.#host.warnings.count(what, 1, (count) => (count === 1 ? what : `${what}, ${count} times`));
  }

  #at(row: number): Bind {
    const bind = this.#binds.get(row);
    if (bind === undefined) throw new RangeError(`nobody listens in row ${row}`);
    return bind;
  }
}

function ignore(): void {}
