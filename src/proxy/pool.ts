/** The backends behind the listeners, and what their names resolve to. */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Address, BackendConfig } from '../config/types.js';
import type { ResolvedAddress } from '../engine/engine.js';

/** All addresses of a name, best first. Rejects when there is none. */
export type Lookup = (name: string) => Promise<readonly { address: string; family: number }[]>;

/** The system's resolver (`getaddrinfo`): /etc/hosts, DNS and what else the machine uses. */
const lookupAll: Lookup = (name) => systemLookup(name, { all: true });

export interface PoolEvents {
  /** A name did not resolve. What it resolved to before stays in use. */
  onResolveFailed(backend: PoolBackend, error: Error): void;
}

/** One backend with its current addresses. */
export class PoolBackend {
  readonly name: string;
  readonly weight: number;
  /** True for a DNS name, which may resolve to something else next time. */
  readonly isName: boolean;
  readonly #address: Address;
  readonly #lookup: Lookup;
  readonly #onFailed: (backend: PoolBackend, error: Error) => void;
  #addresses: readonly ResolvedAddress[];
  #generation = 0;
  #resolving: Promise<void> | undefined;
  #failures = 0;

  constructor(
    config: BackendConfig,
    lookup: Lookup,
    onFailed: (backend: PoolBackend, error: Error) => void,
  ) {
    this.name = config.name;
    this.weight = config.weight;
    this.#address = config.address;
    this.#lookup = lookup;
    this.#onFailed = onFailed;
    const fixed = literal(config.address);
    this.isName = fixed === undefined;
    this.#addresses = fixed === undefined ? [] : [fixed];
  }

  /** In the order to try them; empty while a name has never resolved. */
  get addresses(): readonly ResolvedAddress[] {
    return this.#addresses;
  }

  /** Counts finished lookups, so that a caller can tell whether one was made since it last looked. */
  get generation(): number {
    return this.#generation;
  }

  /** Lookups that left the backend without any address. */
  get resolveFailures(): number {
    return this.#failures;
  }

  /**
   * Looks the name up again. One lookup at a time: callers that come while it runs share it. Never rejects.
   */
  resolve(): Promise<void> {
    if (!this.isName) return Promise.resolve();
    this.#resolving ??= this.#resolveNow().finally(() => {
      this.#resolving = undefined;
    });
    return this.#resolving;
  }

  async #resolveNow(): Promise<void> {
    if (this.#address.kind !== 'tcp') return;
    const { host, port } = this.#address;
    try {
      const found = await this.#lookup(host);
      if (found.length === 0) throw new Error(`${host} has no address`);
      this.#addresses = found.map(({ address, family }) => ({
        kind: 'tcp',
        ip: address,
        port,
        family: family === 6 ? 6 : 4,
      }));
    } catch (error) {
      if (this.#addresses.length === 0) this.#failures += 1;
      this.#onFailed(this, error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#generation += 1;
    }
  }
}

/** All backends, in the order of the configuration. */
export class Pool {
  readonly backends: readonly PoolBackend[];

  /** @param lookup for tests; the default asks the system */
  constructor(configs: readonly BackendConfig[], events: PoolEvents, lookup: Lookup = lookupAll) {
    this.backends = configs.map(
      (config) =>
        new PoolBackend(config, lookup, (backend, error) => events.onResolveFailed(backend, error)),
    );
  }

  /** @throws RangeError for an index that the pool does not have: a mistake in this program */
  backend(index: number): PoolBackend {
    const backend = this.backends[index];
    if (backend === undefined) throw new RangeError(`the pool has no backend ${index}`);
    return backend;
  }

  /** The index of a backend by its normalised name, or -1. */
  indexOf(name: string): number {
    return this.backends.findIndex((backend) => backend.name === name);
  }

  /** Resolves every name for the first time. Names that do not resolve are reported, and that is all. */
  async resolveAll(): Promise<void> {
    await Promise.all(this.backends.map((backend) => backend.resolve()));
  }
}

/** The address itself, when there is nothing to look up. */
function literal(address: Address): ResolvedAddress | undefined {
  if (address.kind === 'unix') return { kind: 'unix', path: address.path };
  const family = isIP(address.host);
  if (family === 0) return undefined;
  return { kind: 'tcp', ip: address.host, port: address.port, family: family === 6 ? 6 : 4 };
}
