/** Of listeners on which Node accepts: what each may have by its own limit. */
import type { Socket } from 'node:net';
import { Admission } from './admission.js';
import type { Bind } from './bind.js';
import type { Service } from './service.js';

export interface GatesHost {
  /** Whom the service has a place for: what holds for all listeners comes next. Owns the socket. */
  admit(socket: Socket, row: number): void;
  /** Clients of a listener that have been admitted, and wait there. */
  waiting(row: number): number;
  onPaused(bind: Bind, reason: string): void;
  onResumed(bind: Bind): void;
  /** As for `AdmissionHost`. */
  onDropped(clients: number): void;
}

/** Before each listener of the configuration a gate, which is shut while it has as many sessions as it may. */
export class ServiceGates {
  readonly #host: GatesHost;
  readonly #gates = new Map<Service, Admission>();
  /** Of whose clients each row is, since it was said last. */
  readonly #services = new Map<number, Service>();
  /** Sessions that have come in by a row, and live. */
  readonly #open = new Map<number, number>();

  constructor(host: GatesHost) {
    this.#host = host;
  }

  /** A bind that is new, or whose service is another, or allows something else. */
  update(bind: Bind): void {
    const { row, service } = bind;
    if (this.#services.get(row) === service) {
      this.#gateOf(service).sessionEnded();
      return;
    }
    const waiting = this.#gateAt(row)?.release(row) ?? [];
    this.#forgetGate(bind);
    bind.resume('limit');
    this.#services.set(row, service);
    this.#gateOf(service).add(row, {
      pause: () => bind.pause('limit'),
      resume: () => bind.resume('limit'),
    });
    for (const socket of waiting) this.take(socket, row);
  }

  /** A client that was accepted. Owns the socket. */
  take(socket: Socket, row: number): void {
    const gate = this.#gateAt(row);
    if (gate === undefined) socket.destroy();
    else gate.take(socket, row);
  }

  /** A session has begun. @returns to be called when it has ended */
  began({ row }: Bind): () => void {
    this.#open.set(row, (this.#open.get(row) ?? 0) + 1);
    return () => {
      this.#open.set(row, (this.#open.get(row) ?? 0) - 1);
      this.#gateAt(row)?.sessionEnded();
    };
  }

  /** It is not paused or resumed any more. Who waits is served all the same. */
  stop({ row }: Bind): void {
    this.#gateAt(row)?.delete(row);
  }

  /** How many clients of a listener wait here. */
  waiting(row: number): number {
    return this.#gateAt(row)?.waiting(row) ?? 0;
  }

  /** Disconnects them. */
  drop(row: number): void {
    this.#gateAt(row)?.drop(row);
  }

  /** Nobody comes by that row any more, and nobody of it is left. */
  forget(bind: Bind): void {
    this.#forgetGate(bind);
    this.#open.delete(bind.row);
  }

  close(): void {
    for (const gate of this.#gates.values()) gate.close();
  }

  #gateAt(row: number): Admission | undefined {
    const service = this.#services.get(row);
    return service === undefined ? undefined : this.#gates.get(service);
  }

  /** A gate that no row has is needed no more. */
  #forgetGate({ row }: Bind): void {
    const service = this.#services.get(row);
    if (service === undefined) return;
    const gate = this.#gateOf(service);
    gate.delete(row);
    this.#services.delete(row);
    if ([...this.#services.values()].includes(service)) return;
    gate.close();
    this.#gates.delete(service);
  }

  #gateOf(service: Service): Admission {
    const there = this.#gates.get(service);
    if (there !== undefined) return there;
    const limit = {
      get most() {
        return service.limits.maxSessions || Number.POSITIVE_INFINITY;
      },
      get reached() {
        return service.reached;
      },
    };
    const gate = new Admission(limit, {
      openSessions: () => service.binds.reduce((sum, { row }) => sum + this.#countOf(row), 0),
      start: (socket, row) => this.#host.admit(socket, row),
      onPaused: (reason) => {
        for (const bind of service.binds) this.#host.onPaused(bind, reason);
      },
      onResumed: () => {
        for (const bind of service.binds) this.#host.onResumed(bind);
      },
      onDropped: (clients) => this.#host.onDropped(clients),
    });
    this.#gates.set(service, gate);
    return gate;
  }

  #countOf(row: number): number {
    return (this.#open.get(row) ?? 0) + this.#host.waiting(row);
  }
}
