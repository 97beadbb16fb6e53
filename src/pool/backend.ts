/** One server behind the listeners, and what its name resolves to. */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Address, ResolvedAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { AdminState } from '../model/admin-state.js';
import type { BackendConfig } from '../model/backend.js';
import type { HealthStatus } from '../model/health-status.js';
import type { BackendOverride } from '../model/overlay.js';
import type { Candidate } from '../policy/candidate.js';
import type { PickBackend } from '../policy/pick-function.js';
import { now, setImmediate } from '../timers.js';
import { AddressOrder } from './address-order.js';
import { BackendHealth } from './health/backend-health.js';
import { WARM } from './slow-start.js';

/** All addresses of a name, best first. Rejects when there is none. */
export type Lookup = (name: string) => Promise<readonly { address: string; family: number }[]>;

/** The system's resolver (`getaddrinfo`): /etc/hosts, DNS and what else the machine uses. */
const lookupAll: Lookup = (name) => systemLookup(name, { all: true });

/** Between the end of a lookup and the next one of the same name, however many clients fail meanwhile. */
export const LOOKUP_PAUSE_MS = 1000;
/** The pause doubles with each failure in a row, up to this. */
const LOOKUP_PAUSE_MAX_MS = 10_000;

/** What the pool needs of the world; for tests. */
export interface PoolInternals {
  /** Default: the system's resolver. */
  readonly lookup?: Lookup | undefined;
  /** Milliseconds of a clock that never goes back. Default: `performance.now()`. */
  readonly now?: (() => number) | undefined;
  /**
   * Sessions that the backend in a row has, those included that are on their way to it. Default: those whose routes are known
   * here, which are all where nobody else picks.
   */
  readonly inUse?: ((row: number) => number) | undefined;
}

export interface BackendEvents {
  /** Addresses came, went, or changed places. Not called for those that a backend has from its beginning. */
  onAddressesChanged(backend: Backend): void;
  /** A lookup found addresses, others or the same: what they mean to this machine may have changed. */
  onResolved(backend: Backend): void;
  /**
   * A name did not resolve. What it resolved to before stays in use.
   *
   * @param isRoutine no client is waiting for it. Told of the first of several such failures in a row
   */
  onResolveFailed(backend: Backend, error: Error, isRoutine: boolean): void;
}

/** One backend with its current addresses. One that moves to another address is another one. */
export class Backend implements Candidate {
  /** Of the counters, and for the engine. */
  readonly row: number;
  /** The pool that it is in, by name. */
  readonly pool: string;
  /** The same for the engine. */
  readonly poolNumber: number;
  readonly name: string;
  /** As it was configured, normalised. */
  readonly address: string;
  /** True for a DNS name, which may resolve to something else next time. */
  readonly isName: boolean;
  /** How often no local port was left to connect to it from. */
  noPort = 0;
  /** It was taken out of its pool. */
  isGone = false;
  /** Another one has had its name since. */
  isReplaced = false;
  /** How far it has come to all of its share, of `WARM`. */
  warmth = WARM;
  /** What checks and traffic say of it. */
  readonly condition = new BackendHealth();
  #routed = 0;
  /** Of those, the ones that were sent in this turn of the event loop, and what it had before them. */
  #fresh = 0;
  #before = 0;
  #config: BackendConfig;
  #override: BackendOverride = {};
  #shown: PickBackend | undefined;
  readonly #address: Address;
  readonly #events: BackendEvents;
  readonly #lookup: Lookup;
  readonly #now: () => number;
  readonly #inUse: ((row: number) => number) | undefined;
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
    { row, pool, poolNumber }: Pick<Backend, 'row' | 'pool' | 'poolNumber'>,
    events: BackendEvents,
    internals: PoolInternals = {},
  ) {
    this.row = row;
    this.pool = pool;
    this.poolNumber = poolNumber;
    this.name = config.name;
    this.address = formatAddress(config.address);
    this.#config = config;
    this.#address = config.address;
    this.#events = events;
    this.#lookup = internals.lookup ?? lookupAll;
    this.#now = internals.now ?? now;
    this.#inUse = internals.inUse;
    const fixed = literalAddress(config.address);
    this.isName = fixed === undefined;
    this.#order = new AddressOrder(fixed === undefined ? [] : [fixed]);
  }

  /** A route sends a client to it, who counts from now on. */
  enter(): void {
    this.#routed += 1;
    if (this.#inUse === undefined) return;
    if (this.#fresh === 0) {
      this.#before = this.#inUse(this.row);
      setImmediate(() => {
        this.#fresh = 0;
      });
    }
    this.#fresh += 1;
  }

  /** Who has entered is on the way to it no more, nor there. */
  leave(): void {
    this.#routed -= 1;
  }

  /** Clients on their way to it, or connected, whose routes are known here. */
  get routed(): number {
    return this.#routed;
  }

  /** The same with those that the loops have picked for. These learn a little later of who was sent. */
  get open(): number {
    if (this.#inUse === undefined) return this.#routed;
    const open = this.#fresh > 0 ? this.#before + this.#fresh : this.#inUse(this.row);
    return Math.max(open, this.#routed);
  }

  /** As it is configured. */
  get config(): BackendConfig {
    return this.#config;
  }

  /** What an operator has said of it. */
  get override(): BackendOverride {
    return this.#override;
  }

  /** @param config of the same name and address */
  configure(config: BackendConfig, override: BackendOverride): void {
    this.#config = config;
    this.#override = override;
  }

  get state(): AdminState {
    return this.#override.state ?? 'ready';
  }

  /** Whether it may be picked. */
  get isReady(): boolean {
    return this.state === 'ready' && !this.isGone;
  }

  /** As it was configured, without the port; empty for a Unix socket. */
  get host(): string {
    return this.#address.kind === 'tcp' ? this.#address.host : '';
  }

  /** What an operator has said of its health, or else what checks and traffic say. */
  get health(): HealthStatus {
    return this.#override.health ?? this.condition.status;
  }

  /** Whether its health lets new sessions come. */
  get isUp(): boolean {
    const { health } = this;
    return health === 'up' || (health === 'checking' && !this.condition.startsDown);
  }

  /** 1 to 1000. */
  get weight(): number {
    return this.#override.weight ?? this.#config.weight;
  }

  /** 0 to 255; the lower, the sooner. */
  get priority(): number {
    return this.#config.priority ?? 0;
  }

  get tags(): Readonly<Record<string, string>> {
    return this.#config.tags ?? NO_TAGS;
  }

  /** Sessions at once; 0 is any number. */
  get maxSessions(): number {
    return this.#override.maxSessions ?? this.#config.maxSessions ?? 0;
  }

  /** Whether sessions use its addresses in turn, or the first that answers. */
  get inTurn(): boolean {
    return this.#config.addresses === 'all';
  }

  /** What a policy is shown of it, with figures of the moment that they are read. */
  get shown(): PickBackend {
    this.#shown ??= show(this);
    return this.#shown;
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

const NO_TAGS = Object.freeze({});

/** The address itself, when there is nothing to look up. */
export function literalAddress(address: Address): ResolvedAddress | undefined {
  if (address.kind === 'unix') return { kind: 'unix', path: address.path };
  const family = isIP(address.host);
  if (family === 0) return undefined;
  return { kind: 'tcp', ip: address.host, port: address.port, family: family === 6 ? 6 : 4 };
}

/** Frozen, for it is given to a function of the user's. */
function show(backend: Backend): PickBackend {
  const { name, address } = backend;
  return Object.freeze({
    name,
    address,
    get weight() {
      return backend.weight;
    },
    get priority() {
      return backend.priority;
    },
    get tags() {
      return backend.tags;
    },
    get open() {
      return backend.routed;
    },
    get health() {
      return backend.health;
    },
  });
}
