/** The backends behind the listeners, and what their names resolve to. */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Address, ResolvedAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { PickBackend } from '../policy/pick-function.js';
import { clearTimeout, now, setTimeout } from '../timers.js';
import { AddressOrder } from './address-order.js';
import { RecentFailures } from './recent-failures.js';
import { waitAtMost } from './wait.js';

/** All addresses of a name, best first. Rejects when there is none. */
export type Lookup = (name: string) => Promise<readonly { address: string; family: number }[]>;

/** The system's resolver (`getaddrinfo`): /etc/hosts, DNS and what else the machine uses. */
const lookupAll: Lookup = (name) => systemLookup(name, { all: true });

/** Between the end of a lookup and the next one of the same name, however many clients fail meanwhile. */
const LOOKUP_PAUSE_MS = 1000;
/** The pause doubles with each failure in a row, up to this. */
const LOOKUP_PAUSE_MAX_MS = 10_000;

/** How much the time between two looks at names varies, so that many balancers do not ask at once. */
const REFRESH_JITTER = 0.1;

/** What the pool needs of the world; for tests. */
export interface PoolInternals {
  /** Default: the system's resolver. */
  readonly lookup?: Lookup | undefined;
  /** Milliseconds of a clock that never goes back. Default: `performance.now()`. */
  readonly now?: (() => number) | undefined;
}

export interface PoolEvents {
  /** Addresses came, went, or changed places. Not called for those that a backend has from its beginning. */
  onAddressesChanged(backend: PoolBackend): void;
  /** A lookup found addresses, others or the same: what they mean to this machine may have changed. */
  onResolved(backend: PoolBackend): void;
  /**
   * A name did not resolve. What it resolved to before stays in use.
   *
   * @param isRoutine no client is waiting for it. Told of the first of several such failures in a row
   */
  onResolveFailed(backend: PoolBackend, error: Error, isRoutine: boolean): void;
}

/** One backend with its current addresses. */
export class PoolBackend {
  /** Its index in the pool. */
  readonly row: number;
  readonly name: string;
  readonly weight: number;
  /** Whether sessions use its addresses in turn, or the first that answers. */
  readonly inTurn: boolean;
  /** True for a DNS name, which may resolve to something else next time. */
  readonly isName: boolean;
  /** On their way to it, or connected, as their routes say. */
  clients = 0;
  readonly #address: Address;
  readonly #events: PoolEvents;
  readonly #lookup: Lookup;
  readonly #now: () => number;
  readonly #order: AddressOrder;
  #generation = 0;
  #resolving: Promise<void> | undefined;
  /** No lookup before this time of the clock. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #failuresInARow = 0;
  #movedAt = Number.NEGATIVE_INFINITY;
  #failedClients = 0;

  constructor(
    config: BackendConfig,
    row: number,
    events: PoolEvents,
    internals: PoolInternals = {},
  ) {
    this.row = row;
    this.name = config.name;
    this.weight = config.weight;
    this.inTurn = config.addresses === 'all';
    this.#address = config.address;
    this.#events = events;
    this.#lookup = internals.lookup ?? lookupAll;
    this.#now = internals.now ?? now;
    const fixed = literal(config.address);
    this.isName = fixed === undefined;
    this.#order = new AddressOrder(fixed === undefined ? [] : [fixed]);
  }

  /** In the order to try them; empty while a name has never resolved. */
  get addresses(): readonly ResolvedAddress[] {
    return this.#order.listed;
  }

  /** The same without some of them: what is behind those is seldom just the rest, for families take turns. */
  addressesWithout(some: readonly ResolvedAddress[]): readonly ResolvedAddress[] {
    return this.#order.without(some);
  }

  /** Counts finished lookups, so that a caller can tell whether one was made since it last looked. */
  get generation(): number {
    return this.#generation;
  }

  /** When it last got an address that it did not have before; on the clock of the pool. */
  get movedAt(): number {
    return this.#movedAt;
  }

  /**
   * Tells how many clients have found none of its addresses answering, since the start: the name is looked up again
   * when they have become more.
   */
  noteFailedClients(count: number): void {
    if (count <= this.#failedClients) return;
    this.#failedClients = count;
    void this.resolve();
  }

  /**
   * Puts an address that failed, or was outrun, behind the others, so that the next client does not pay for it again.
   * Where addresses are used in turn, it keeps its turn.
   */
  demote(slow: ResolvedAddress): void {
    if (!this.inTurn && this.#order.demote(slow)) this.#events.onAddressesChanged(this);
  }

  /**
   * Looks the name up again. One lookup at a time: callers that come while it runs share it; and those that come
   * soon after it get no other one, for a backend that is down fails for every client. Never rejects.
   *
   * @param isRoutine no client is waiting for it
   */
  resolve(isRoutine = false): Promise<void> {
    if (this.#resolving !== undefined) return this.#resolving;
    if (!this.isName || this.#now() < this.#notBefore) return Promise.resolve();
    this.#resolving = this.#resolveNow(isRoutine).finally(() => {
      this.#resolving = undefined;
      const pause = LOOKUP_PAUSE_MS * 2 ** Math.max(this.#failuresInARow - 1, 0);
      this.#notBefore = this.#now() + Math.min(pause, LOOKUP_PAUSE_MAX_MS);
    });
    return this.#resolving;
  }

  async #resolveNow(isRoutine: boolean): Promise<void> {
    if (this.#address.kind !== 'tcp') return;
    const { host, port } = this.#address;
    try {
      const found = await this.#lookup(host);
      if (found.length === 0) throw new Error(`${host} has no address`);
      this.#failuresInARow = 0;
      // Two lines of /etc/hosts may say the same.
      const once = new Map(found.map((answer) => [answer.address, answer]));
      this.#replaceAddresses(
        [...once.values()].map(({ address, family }) => ({
          kind: 'tcp',
          ip: address,
          port,
          family: family === 6 ? 6 : 4,
        })),
      );
      this.#events.onResolved(this);
    } catch (error) {
      this.#failuresInARow += 1;
      if (isRoutine && this.#failuresInARow > 1) return;
      const cause = error instanceof Error ? error : new Error(String(error));
      this.#events.onResolveFailed(this, cause, isRoutine);
    } finally {
      this.#generation += 1;
    }
  }

  /** New addresses come first: one looks when all the known ones have failed, or to see whether a name has moved. */
  #replaceAddresses(found: readonly ResolvedAddress[]): void {
    const { fresh, isChanged } = this.#order.replace(found);
    if (fresh > 0) this.#movedAt = this.#now();
    if (isChanged) this.#events.onAddressesChanged(this);
  }
}

/** All backends, in the order of the configuration. */
export class Pool {
  readonly backends: readonly PoolBackend[];
  /** The clock that all times of the pool are of. */
  readonly now: () => number;
  readonly failures: RecentFailures;
  #searching: NodeJS.Timeout | undefined;
  #refreshing: NodeJS.Timeout | undefined;

  constructor(
    configs: readonly BackendConfig[],
    events: PoolEvents,
    internals: PoolInternals = {},
  ) {
    this.now = internals.now ?? now;
    this.failures = new RecentFailures(this.now);
    const withClock = { ...internals, now: this.now };
    this.backends = configs.map((config, row) => new PoolBackend(config, row, events, withClock));
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

  /** What a policy is shown of them, with figures of the moment that they are read. */
  shown(): readonly PickBackend[] {
    const show = (backend: PoolBackend): PickBackend =>
      Object.freeze({
        address: backend.name,
        weight: backend.weight,
        get open() {
          return backend.clients;
        },
      });
    return Object.freeze(this.backends.map(show));
  }

  /**
   * Resolves every name for the first time. Names that do not resolve are reported, and that is all.
   *
   * @param limitMs how long to wait for the resolver; 0 is no limit
   * @returns backends whose name the resolver has not answered for; their lookups go on
   */
  async resolveAll(limitMs: number): Promise<readonly PoolBackend[]> {
    await waitAtMost(Promise.all(this.backends.map((backend) => backend.resolve())), limitMs);
    return this.backends.filter(({ isName, generation }) => isName && generation === 0);
  }

  /**
   * Looks up in the background, until each is found, the names that have no address: where clients pass such a
   * backend over without a word, nobody else would.
   */
  searchMissing(): void {
    const missing = this.backends.filter(({ addresses }) => addresses.length === 0);
    if (missing.length === 0) return;
    for (const backend of missing) void backend.resolve();
    this.#searching = setTimeout(() => this.searchMissing(), LOOKUP_PAUSE_MS);
    this.#searching.unref();
  }

  /**
   * Looks every name up again from now on, to follow those that move while their old address still answers. Names take
   * turns, so there is one timer, and seldom more than one lookup at a time.
   *
   * @param everyMs from one lookup of a name to the next; 0 is never
   */
  refreshEvery(everyMs: number): void {
    const names = this.backends.filter(({ isName }) => isName);
    if (everyMs === 0 || names.length === 0) return;
    let turn = 0;
    const wait = () => {
      const jitter = 1 + REFRESH_JITTER * (2 * Math.random() - 1);
      this.#refreshing = setTimeout(refresh, (everyMs / names.length) * jitter);
      this.#refreshing.unref();
    };
    const refresh = () => {
      void names[turn++ % names.length]?.resolve(true);
      wait();
    };
    wait();
  }

  close(): void {
    clearTimeout(this.#searching);
    clearTimeout(this.#refreshing);
  }
}

/** The address itself, when there is nothing to look up. */
function literal(address: Address): ResolvedAddress | undefined {
  if (address.kind === 'unix') return { kind: 'unix', path: address.path };
  const family = isIP(address.host);
  if (family === 0) return undefined;
  return { kind: 'tcp', ip: address.host, port: address.port, family: family === 6 ? 6 : 4 };
}
