/** Keeps a proxy from connecting to itself: its first client would take every session. */

import { backendIsProxyItself } from '../config/cross-checks.js';
import type { Bind } from '../entrance/bind.js';
import { asAddress } from '../entrance/listener.js';
import { SplicewayError } from '../errors/catalogue.js';
import { backendIsReserved, leftOut } from '../errors/messages.js';
import type { Address, ResolvedAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import { isReachedBy, type OwnAddresses } from '../model/own-addresses.js';
import { areSame } from '../pool/address-order.js';
import type { Backend } from '../pool/backend.js';
import { labelOf } from './backend-reports.js';

export interface LoopGuardHost {
  /** What is left of the addresses of a backend; called when it is not what it was. */
  publish(backend: Backend, addresses: readonly ResolvedAddress[]): void;
  warn(message: string): void;
  /** As `Warnings.sayRarely`: once an hour at most. */
  warnRarely(message: string): void;
  /** Addresses of this process where no backend may be, from the begin. */
  readonly reserved?: readonly Address[] | undefined;
  /** Default: those of the interfaces. */
  readonly ownAddresses?: OwnAddresses | undefined;
}

/** What two must have in common to be one: the port, or that they are of a path. */
type Port = number | 'unix';

/** By port, so that a change costs what it touches, and not all backends times all listeners. */
export class LoopGuard {
  readonly #host: LoopGuardHost;
  readonly #listeners = new Map<Port, Set<Address>>();
  readonly #backends = new Map<Port, Set<Backend>>();
  /** Addresses of this process where no client is to come. */
  readonly #reserved = new Map<Port, Set<Address>>();
  readonly #published = new Map<Backend, readonly ResolvedAddress[]>();

  constructor(host: LoopGuardHost) {
    this.#host = host;
    for (const address of host.reserved ?? []) addTo(this.#reserved, portOf(address), address);
  }

  /**
   * Looks whether a backend is a listener. Changes nothing.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` when all addresses of a backend are one of these listeners
   */
  check(binds: Iterable<Bind>, backends: Iterable<Backend>): void {
    const byPort = new Map<Port, Set<Backend>>();
    for (const backend of backends) addTo(byPort, portOf(backend.config.address), backend);
    if (byPort.size === 0) return;
    for (const bind of binds) {
      const here = asAddress(bind.address);
      for (const backend of byPort.get(portOf(here)) ?? []) this.#checkOne(bind, here, backend);
    }
  }

  #checkOne({ address, listener }: Bind, here: Address, { name, addresses }: Backend): void {
    const own = addresses.filter((to) => this.#isReached(here, to));
    if (own.length === 0) return;
    // One for all addresses may be for IPv6 alone, for one interface, or in another network namespace: nobody says.
    const isCertain = (to: Address) =>
      !listener.isInherited || formatAddress(here) === formatAddress(to);
    const message = backendIsProxyItself(name, formatAddress(asAddress(address)));
    if (!own.map(toAddress).every(isCertain)) {
      this.#host.warn(`unless they are apart by more than their addresses, ${message}`);
    } else if (own.length === addresses.length) {
      throw new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message, { backend: name });
    }
  }

  /**
   * No client may come to this address from now on. Where a backend has others, or its name resolves to it later, it is left out.
   *
   * @returns what allows it again
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` when a backend has no other address
   */
  reserve(address: Address): () => void {
    const port = portOf(address);
    const there = this.#backends.get(port) ?? [];
    for (const backend of there) this.#checkOneReserved(backend, [address]);
    addTo(this.#reserved, port, address);
    this.#publishAt(port);
    return () => {
      this.#reserved.get(port)?.delete(address);
      this.#publishAt(port);
    };
  }

  /**
   * Looks whether a backend that is new is nothing but a reserved address.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` when it is
   */
  checkReserved(backends: Iterable<Backend>): void {
    for (const backend of backends) {
      const reserved = this.#reserved.get(portOf(backend.config.address)) ?? [];
      this.#checkOneReserved(backend, [...reserved]);
    }
  }

  #checkOneReserved({ name, addresses }: Backend, reserved: readonly Address[]): void {
    const found = addresses.map((to) => reserved.find((here) => this.#isReached(here, to)));
    const [first] = found;
    if (first === undefined || found.includes(undefined)) return;
    const message = backendIsReserved(name, first);
    throw new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message, { backend: name });
  }

  /** These are the listeners that there are from now on. Publishes anew the backends that this makes a difference to. */
  setListeners(binds: Iterable<Bind>): void {
    const before = new Map(this.#listeners);
    this.#listeners.clear();
    for (const { address, listener } of binds) {
      if (listener.isInherited && /^(::|0\.0\.0\.0)$/.test(address.address)) continue;
      const here = asAddress(address);
      addTo(this.#listeners, portOf(here), here);
    }
    for (const port of new Set([...before.keys(), ...this.#listeners.keys()])) {
      if (textOf(before.get(port)) === textOf(this.#listeners.get(port))) continue;
      this.#publishAt(port);
    }
  }

  #publishAt(port: Port): void {
    for (const backend of this.#backends.get(port) ?? []) this.publish(backend);
  }

  /** Publishes a backend that is new. */
  add(backend: Backend): void {
    addTo(this.#backends, portOf(backend.config.address), backend);
    this.publish(backend);
  }

  delete(backend: Backend): void {
    const port = portOf(backend.config.address);
    const there = this.#backends.get(port);
    if (there?.delete(backend) && there.size === 0) this.#backends.delete(port);
    this.#published.delete(backend);
  }

  /**
   * Call it when the addresses of a backend have changed, or may mean something else to this machine. Publishes those
   * that are not a listener of this proxy. Warns of those that are, once an hour at most.
   *
   * @param isCertain whether to publish in any case: how they are used has changed
   */
  publish(backend: Backend, isCertain = false): void {
    const others = this.#othersOf(backend);
    const published = this.#published.get(backend);
    if (!isCertain && published !== undefined && areSame(others, published)) return;
    this.#published.set(backend, others);
    this.#host.publish(backend, others);
  }

  #othersOf(backend: Backend): readonly ResolvedAddress[] {
    const { addresses, config } = backend;
    const port = portOf(config.address);
    const here = [this.#listeners, this.#reserved].flatMap((byPort) => [
      ...(byPort.get(port) ?? []),
    ]);
    if (here.length === 0) return addresses;
    const own = addresses.filter((to) => here.some((one) => this.#isReached(one, to)));
    for (const to of own) this.#host.warnRarely(leftOut(labelOf(backend), to));
    return own.length === 0 ? addresses : backend.addressesWithout(own);
  }

  #isReached(listener: Address, to: ResolvedAddress): boolean {
    return isReachedBy(listener, toAddress(to), this.#host.ownAddresses);
  }
}

function toAddress(to: ResolvedAddress): Address {
  return to.kind === 'unix' ? to : { kind: 'tcp', host: to.ip, port: to.port };
}

/** Of a backend it is the same whatever its name resolves to. */
function portOf(address: Address): Port {
  return address.kind === 'unix' ? 'unix' : address.port;
}

function textOf(addresses: ReadonlySet<Address> | undefined): string {
  return Array.from(addresses ?? [], formatAddress)
    .sort()
    .join();
}

function addTo<Value>(sets: Map<Port, Set<Value>>, port: Port, value: Value): void {
  const there = sets.get(port);
  if (there === undefined) sets.set(port, new Set([value]));
  else there.add(value);
}
