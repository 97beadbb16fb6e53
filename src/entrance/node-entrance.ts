import type { Socket } from 'node:net';
import type { ChosenEngine } from '../engine/choose.js';
import type { Engine } from '../engine/engine.js';
import { resetSocket } from '../engine/reset-socket.js';
import { clientOf, droppedClients } from '../errors/messages.js';
import type { ListenAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import { emitSafely } from '../session/emit.js';
import { Admission } from './admission.js';
import { ClientCounter } from './client-limit.js';
import {
  cannotAccept,
  type Entrance,
  type EntranceHost,
  inOpeningOrder,
  warnOfCameBack,
  warnOfRefused,
} from './entrance.js';
import { Listener, type ListenerAddress } from './listener.js';

/** Node accepts, and each client passes through JavaScript once. */
export class NodeEntrance implements Entrance {
  readonly names: string[] = [];
  readonly #host: EntranceHost;
  readonly #listeners: readonly Listener[];
  readonly #admission: Admission;
  readonly #engine: Engine;
  readonly #clients: ClientCounter;

  constructor(
    listen: readonly ListenAddress[],
    { engine, native }: ChosenEngine,
    host: EntranceHost,
  ) {
    this.#host = host;
    this.#engine = engine;
    this.#clients = new ClientCounter(host.clientLimits);
    this.#listeners = listen.map(
      (address, row) =>
        new Listener(
          address,
          {
            onConnection: (socket) => this.#admission.take(socket, row),
            onAcceptError: (error) => this.#acceptFailed(row, error),
          },
          native?.descriptors,
          host.keepAliveMs,
        ),
    );
    const { emitter, sessions, warnings } = host;
    this.#admission = new Admission(this.#listeners, engine.limit, {
      openSessions: () => sessions.open,
      start: (socket, row) => this.#start(socket, row),
      onPaused: (reason) =>
        emitSafely(emitter, 'listenerPaused', { reason, openSessions: sessions.open }),
      onResumed: () => emitSafely(emitter, 'listenerResumed', { openSessions: sessions.open }),
      onDropped: (clients) => warnings.count('dropped', clients, droppedClients),
    });
  }

  get addresses(): ListenerAddress[] {
    return this.#listeners.map((listener) => listener.address);
  }

  async open(): Promise<void> {
    for (const [row, listener] of inOpeningOrder(this.#listeners)) {
      await listener.open();
      this.#host.checkListener(listener);
      this.names[row] = listener.name;
    }
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#admission.close();
  }

  sessionEnded(): void {
    this.#admission.sessionEnded();
  }

  /** All sessions pass through JavaScript in any case. */
  attend(): void {}

  #start(socket: Socket, row: number): void {
    // Of a client that has reset its connection the kernel has forgotten who it was.
    const isKnown =
      socket.remoteAddress !== undefined || this.#listeners[row]?.address.family === 'unix';
    const { address } = clientOf(socket);
    const ownBackend = this.#engine.cameBack(socket);
    if (ownBackend !== undefined) {
      this.#refuse(socket, row);
      warnOfCameBack(this.#host, ownBackend, 1);
      return;
    }
    const leave = this.#clients.enter(address);
    if (leave === undefined) {
      this.#refuse(socket, row);
      warnOfRefused(this.#host, address, 1);
      return;
    }
    const listener = this.names[row] ?? '';
    const route = (client: ClientAddress) =>
      this.#host.filtered(this.#host.route(client, listener), client, listener, isKnown);
    try {
      this.#host.sessions.start(socket, { row, listener, isAccepted: true }, route, leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  #refuse(socket: Socket, row: number): void {
    resetSocket(socket);
    this.#engine.countRejected(row);
  }

  #acceptFailed(row: number, error: Error): void {
    const { code = error.message } = error as NodeJS.ErrnoException;
    const what = cannotAccept(this.names[row] ?? '', code);
    if (this.#admission.pause(what)) return;
    this.#host.warnings.count(what, 1, (count) => (count === 1 ? what : `${what}, ${count} times`));
  }
}
