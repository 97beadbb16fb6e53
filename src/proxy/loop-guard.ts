/** Keeps a proxy from connecting to itself: its first client would take every session. */

import { backendIsProxyItself } from '../config/cross-checks.js';
import { asAddress, type Listener } from '../entrance/listener.js';
import { SplicewayError } from '../errors/catalogue.js';
import { leftOut } from '../errors/messages.js';
import type { Address, ResolvedAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import { isReachedBy, type OwnAddresses } from '../model/own-addresses.js';
import { areSame } from '../pool/address-order.js';
import type { PoolBackend } from '../pool/pool.js';

export interface LoopGuardHost {
  /** What is left of the addresses of a backend; called when it is not what it was. */
  publish(backend: PoolBackend, addresses: readonly ResolvedAddress[]): void;
  warn(message: string): void;
  /** As `Warnings.sayRarely`: once an hour at most. */
  warnRarely(message: string): void;
  /** Default: those of the interfaces. */
  readonly ownAddresses?: OwnAddresses | undefined;
}

export class LoopGuard {
  readonly #backends: readonly PoolBackend[];
  readonly #host: LoopGuardHost;
  readonly #listeners: Address[] = [];
  /** By row. */
  readonly #published: (readonly ResolvedAddress[])[] = [];

  /** Publishes all backends. */
  constructor(backends: readonly PoolBackend[], host: LoopGuardHost) {
    this.#backends = backends;
    this.#host = host;
    for (const backend of backends) this.publish(backend);
  }

  /**
   * Call it for each listener that is open, before it takes a client. Publishes anew the backends that it is part of.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` when all addresses of a backend are this listener
   */
  add({ address, isInherited }: Listener): void {
    const here = asAddress(address);
    const reached = this.#backends.filter(({ addresses }) =>
      addresses.some((to) => this.#isReached(here, to)),
    );
    // One for all addresses may be for IPv6 alone, for one interface, or in another network namespace: nobody says.
    const isCertain = (to: Address) => !isInherited || formatAddress(here) === formatAddress(to);
    for (const { name, addresses } of reached) {
      const message = backendIsProxyItself(name, formatAddress(here));
      const own = addresses.filter((to) => this.#isReached(here, to));
      if (!own.map(toAddress).every(isCertain)) {
        this.#host.warn(`unless they are apart by more than their addresses, ${message}`);
      } else if (own.length === addresses.length) {
        throw new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message, { backend: name });
      }
    }
    if (isInherited && /^(::|0\.0\.0\.0)$/.test(address.address)) return;
    this.#listeners.push(here);
    for (const backend of reached) this.publish(backend);
  }

  /**
   * Call it when the addresses of a backend have changed, or may mean something else to this machine. Publishes those
   * that are not a listener of this proxy. Warns of those that are, once an hour at most.
   */
  publish(backend: PoolBackend): void {
    const others = this.#othersOf(backend);
    const published = this.#published[backend.row];
    if (published !== undefined && areSame(others, published)) return;
    this.#published[backend.row] = others;
    this.#host.publish(backend, others);
  }

  #othersOf(backend: PoolBackend): readonly ResolvedAddress[] {
    const { name, addresses } = backend;
    const isOwn = (to: ResolvedAddress) =>
      this.#listeners.some((listener) => this.#isReached(listener, to));
    const own = addresses.filter(isOwn);
    for (const to of own) this.#host.warnRarely(leftOut(name, to));
    return own.length === 0 ? addresses : backend.addressesWithout(own);
  }

  #isReached(listener: Address, to: ResolvedAddress): boolean {
    return isReachedBy(listener, toAddress(to), this.#host.ownAddresses);
  }
}

function toAddress(to: ResolvedAddress): Address {
  return to.kind === 'unix' ? to : { kind: 'tcp', host: to.ip, port: to.port };
}
