import { formatAddress } from '../model/address.js';
import type { Listener, ListenerAddress } from './listener.js';
import type { Service } from './service.js';

/** Why clients are left in the queue of the kernel. */
export type PauseReason = 'shortage' | 'limit' | 'operator';

/** One address that a service is bound to, which HAProxy calls a bind as well: a socket, with a row of figures. */
export class Bind {
  /** In the counters, and for the engine. */
  readonly row: number;
  readonly listener: Listener;
  /** Whose clients these are: another one may take over an address. */
  service: Service;
  /** When the first client can have come, on the clock of `now()`. */
  startedAt = 0;
  readonly #pauses = new Set<PauseReason>();

  constructor(row: number, listener: Listener, service: Service) {
    this.row = row;
    this.listener = listener;
    this.service = service;
  }

  /** As the user wrote it, but with the real port. */
  get name(): string {
    return this.listener.name;
  }

  get address(): ListenerAddress {
    return this.listener.address;
  }

  /** As it is in the configuration. */
  get configured(): string {
    return formatAddress(this.listener.configured);
  }

  /** Of a listener on which Node accepts: stops accepting for one reason more. False, and it goes on, where that cannot be. */
  pause(reason: PauseReason): boolean {
    if (this.#pauses.size === 0 && !this.listener.pause()) return false;
    this.#pauses.add(reason);
    return true;
  }

  /** Accepts again where no other reason is left. */
  resume(reason: PauseReason): void {
    if (this.#pauses.delete(reason) && this.#pauses.size === 0) this.listener.resume();
  }
}
