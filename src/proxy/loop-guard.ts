/** Keeps a proxy from connecting to itself: its first client would take every session. */
import { formatAddress } from '../config/address.js';
import { isReachedBy } from '../config/own-addresses.js';
import { backendIsProxyItself } from '../config/schema.js';
import type { Address } from '../config/types.js';
import type { ResolvedAddress } from '../engine/engine.js';
import { SplicewayError } from '../errors.js';
import { asAddress, type Listener } from './listener.js';
import { leftOut } from './observe.js';
import type { PoolBackend } from './pool.js';

export class LoopGuard {
  readonly #backends: readonly PoolBackend[];
  readonly #warn: (message: string) => void;
  readonly #listeners: Address[] = [];
  readonly #said = new Set<string>();

  constructor(backends: readonly PoolBackend[], warn: (message: string) => void) {
    this.#backends = backends;
    this.#warn = warn;
  }

  /**
   * Call it for each listener that is open, before it takes a client.
   *
   * @returns backends some of whose addresses are this listener
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` when all addresses of a backend are
   */
  add({ address, isInherited }: Listener): PoolBackend[] {
    const here = asAddress(address);
    const reached = this.#backends.filter(({ addresses }) =>
      addresses.some((to) => isReachedBy(here, toAddress(to))),
    );
    // One for all addresses may be for IPv6 alone, for one interface, or in another network namespace: nobody says.
    const isCertain = (to: Address) => !isInherited || formatAddress(here) === formatAddress(to);
    for (const { name, addresses } of reached) {
      const message = backendIsProxyItself(name, formatAddress(here));
      const own = addresses.map(toAddress).filter((to) => isReachedBy(here, to));
      if (!own.every(isCertain)) {
        this.#warn(`unless they are apart by more than their addresses, ${message}`);
      } else if (own.length === addresses.length) {
        throw new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message, { backend: name });
      }
    }
    if (isInherited && /^(::|0\.0\.0\.0)$/.test(address.address)) return [];
    this.#listeners.push(here);
    return reached;
  }

  /** The addresses of a backend that are not a listener of this proxy. Warns of those that are, once of each. */
  others({ name, addresses }: PoolBackend): readonly ResolvedAddress[] {
    const isOwn = (to: ResolvedAddress) =>
      this.#listeners.some((listener) => isReachedBy(listener, toAddress(to)));
    const own = addresses.filter(isOwn);
    if (own.length === 0) return addresses;
    for (const to of own) {
      const message = leftOut(name, to);
      if (!this.#said.has(message)) this.#warn(message);
      this.#said.add(message);
    }
    return addresses.filter((to) => !own.includes(to));
  }
}

function toAddress(to: ResolvedAddress): Address {
  return to.kind === 'unix' ? to : { kind: 'tcp', host: to.ip, port: to.port };
}
