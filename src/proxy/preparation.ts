/** What a configuration takes that is not there yet: made before anything is touched that is there. */
import { isDeepStrictEqual } from 'node:util';
import type { ListenerConfig, PoolConfig, ProxyConfig } from '../config/types.js';
import type { Bind } from '../entrance/bind.js';
import type { Entrance } from '../entrance/entrance.js';
import { Service } from '../entrance/service.js';
import { SplicewayError } from '../errors/catalogue.js';
import { slowLookup } from '../errors/messages.js';
import { formatAddress, type ListenAddress } from '../model/address.js';
import { Backend, type BackendEvents, type PoolInternals } from '../pool/backend.js';
import { resolveAll } from '../pool/names.js';
import type { Pool } from '../pool/pool.js';
import type { Rows } from '../pool/rows.js';
import { labelOf } from './backend-reports.js';
import { isSameServer } from './difference.js';
import type { LoopGuard } from './loop-guard.js';
import { poolSettings, serviceSettings } from './settings-of.js';

/** A pool as it is to be. */
export interface PreparedPool {
  readonly config: PoolConfig;
  /** Those that it has already, and new ones, in the order of the configuration. */
  readonly backends: readonly Backend[];
}

/** A listener as it is to be. */
export interface PreparedService {
  readonly config: ListenerConfig;
  readonly service: Service;
  /** Those that are open already, and new ones, in the order of its addresses. */
  readonly binds: readonly Bind[];
}

export interface PreparationHost {
  readonly entrance: Entrance;
  readonly guard: LoopGuard;
  readonly backendRows: Rows;
  readonly listenerRows: Rows;
  readonly internals: PoolInternals;
  readonly events: BackendEvents;
  /** What there is. */
  readonly pools: ReadonlyMap<string, Pool>;
  readonly services: ReadonlyMap<string, Service>;
  /** Whether nothing is there yet: only then may sockets be inherited. */
  readonly isStart: boolean;
  warn(message: string): void;
  /** Without its backends, which it gets when all is ready. */
  makePool(config: PoolConfig): Pool;
  onFilterFailed(error: Error): void;
  /** @throws SplicewayError `ERR_SPLICEWAY_CLOSED` once nothing is to begin any more */
  checkOpen(): void;
}

/** For one configuration. `undo()` takes back what `run()` has made. */
export class Preparation {
  readonly #config: ProxyConfig;
  readonly #configs: ReadonlyMap<string, PoolConfig>;
  readonly #host: PreparationHost;
  readonly pools: PreparedPool[] = [];
  readonly services: PreparedService[] = [];
  /** By name, for pools that are new. */
  readonly newPools = new Map<string, Pool>();
  readonly newBackends: Backend[] = [];
  readonly newBinds: Bind[] = [];
  #rowsOfOpening: number[] = [];

  constructor(config: ProxyConfig, host: PreparationHost) {
    this.#config = config;
    this.#configs = new Map(config.pools.map((pool) => [pool.name, pool]));
    this.#host = host;
  }

  /**
   * Makes backends, resolves their names and opens sockets. Clients who come to those wait.
   *
   * @throws SplicewayError what is wrong; `undo()` is still to be called then
   */
  async run(): Promise<void> {
    this.#makeBackends();
    // Before names are resolved, which takes time: what is wrong is said at once.
    const openings = this.#planServices();
    await this.#resolve();
    this.#host.checkOpen();
    for (const { slot, address, service, binds } of openings) {
      binds[slot] = await this.#open(address, service);
      this.#host.checkOpen();
    }
    this.#checkLoops();
  }

  /** Nothing of it has been used: what is open is closed, and rows are given back. */
  undo(): void {
    for (const bind of this.newBinds) {
      this.#host.entrance.stop(bind);
      this.#host.entrance.forget(bind);
    }
    for (const row of this.#rowsOfOpening) this.#host.listenerRows.giveBack(row);
    for (const backend of this.newBackends) {
      backend.isGone = true;
      this.#host.backendRows.giveBack(backend.row);
    }
  }

  /** Every bind that there will be. */
  *binds(): Iterable<Bind> {
    for (const { binds } of this.services) yield* binds;
  }

  #makeBackends(): void {
    const { backendRows, events, internals } = this.#host;
    for (const config of this.#config.pools) {
      const known = this.#host.pools.get(config.name);
      if (known === undefined && backendRows.left === 0) throw tooMany('backends');
      const { number: poolNumber } = known ?? this.#makePool(config);
      const backends = config.backends.map((wanted) => {
        const there = known?.find(wanted.name);
        if (there !== undefined && isSameServer(there.config, wanted)) return there;
        if (backendRows.left === 0) throw tooMany('backends');
        const place = { row: backendRows.take(), pool: config.name, poolNumber };
        const backend = new Backend(wanted, place, events, internals);
        this.newBackends.push(backend);
        return backend;
      });
      this.pools.push({ config, backends });
    }
  }

  #makePool(config: PoolConfig): Pool {
    const pool = this.#host.makePool(config);
    this.newPools.set(config.name, pool);
    return pool;
  }

  /** Which address goes on with the socket that it has, and what is to be opened: sockets that are inherited last, for those are used up. */
  #planServices() {
    const left = new Map<string, Bind[]>();
    for (const service of this.#host.services.values()) {
      for (const bind of service.binds) {
        left.set(bind.configured, [...(left.get(bind.configured) ?? []), bind]);
      }
    }
    /** Its own first: of port 0 there may be several. */
    const takeOver = (address: ListenAddress, name: string): Bind | undefined => {
      const there = left.get(formatAddress(address)) ?? [];
      const own = there.findIndex(({ service }) => service.name === name);
      const [bind] = there.splice(Math.max(own, 0), 1);
      return bind;
    };
    const openings = this.#config.listeners.flatMap((config) => {
      const service = this.#serviceOf(config);
      const binds: Bind[] = [];
      this.services.push({ config, service, binds });
      return config.addresses.flatMap((address, slot) => {
        const bind = takeOver(address, config.name);
        if (bind === undefined) return [{ slot, address, service, binds }];
        checkAccess(bind, address);
        binds[slot] = bind;
        return [];
      });
    });
    if (!this.#host.isStart) checkNoneInherited(openings.map(({ address }) => address));
    if (openings.length > this.#host.listenerRows.left) throw tooMany('addresses to listen on');
    const isInherited = ({ address }: { address: ListenAddress }) => Number(address.kind === 'fd');
    return openings.sort((one, other) => isInherited(one) - isInherited(other));
  }

  #serviceOf(config: ListenerConfig): Service {
    const known = this.#host.services.get(config.name);
    if (known !== undefined) return known;
    return new Service(config.name, serviceSettings(config), this.poolOf(config.pool), (error) =>
      this.#host.onFilterFailed(error),
    );
  }

  /** Whether there will be a pool of that name. */
  has(name: string): boolean {
    return this.configOf(name) !== undefined;
  }

  configOf(name: string): PoolConfig | undefined {
    return this.#configs.get(name);
  }

  /** A pool that there will be. */
  poolOf(name: string): Pool {
    const pool = this.newPools.get(name) ?? this.#host.pools.get(name);
    if (pool === undefined) throw new RangeError(`there is no pool ${name}`);
    return pool;
  }

  async #open(address: ListenAddress, service: Service): Promise<Bind> {
    const row = this.#host.listenerRows.take();
    this.#rowsOfOpening.push(row);
    try {
      const bind = await this.#host.entrance.open(row, address, service);
      this.newBinds.push(bind);
      return bind;
    } catch (error) {
      throw withOwnBind(error, address, this.#ownBinds());
    }
  }

  /** Those that are open from before. */
  *#ownBinds(): Iterable<Bind> {
    for (const { binds } of this.#host.services.values()) yield* binds;
  }

  /** A name server that does not answer holds up the clients of its names alone. */
  async #resolve(): Promise<void> {
    const made = new Set(this.newBackends);
    await Promise.all(
      this.pools.map(async ({ config, backends }) => {
        const { connectMs } = poolSettings(config);
        const fresh = backends.filter((backend) => made.has(backend));
        for (const backend of await resolveAll(fresh, connectMs)) {
          this.#host.warn(slowLookup(labelOf(backend), connectMs));
        }
      }),
    );
  }

  #checkLoops(): void {
    const { guard } = this.#host;
    const isNew = new Set(this.newBinds);
    const kept = [...this.binds()].filter((bind) => !isNew.has(bind));
    if (isNew.size > 0) {
      guard.check(
        isNew,
        this.pools.flatMap(({ backends }) => backends),
      );
    }
    guard.check(kept, this.newBackends);
    // What is there already goes on without them.
    guard.checkReserved(this.newBackends);
  }
}

/** A socket that is open has the permissions that it was opened with. */
function checkAccess(bind: Bind, address: ListenAddress): void {
  if (isDeepStrictEqual(bind.listener.configured, address)) return;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    `${bind.configured}: mode, user and group cannot change while it is open; remove it in one change and add it in the next, or restart`,
    { address: bind.configured },
  );
}

/** No system says that it is this very process that has the address, as where 127.0.0.1:80 is to become :80. */
function withOwnBind(error: unknown, address: ListenAddress, own: Iterable<Bind>): unknown {
  if (!(error instanceof SplicewayError) || error.systemCode !== 'EADDRINUSE') return error;
  if (address.kind !== 'tcp') return error;
  const there = [...own].find((bind) => bind.address.port === address.port);
  if (there === undefined) return error;
  const { cause, code } = error;
  return new SplicewayError(
    code,
    `cannot listen on ${formatAddress(address)}: this proxy itself listens on ${there.name}; remove that in one change, and add ` +
      'this one in the next, or restart',
    { cause, address: formatAddress(address) },
  );
}

function checkNoneInherited(addresses: readonly ListenAddress[]): void {
  const inherited = addresses.find(({ kind }) => kind === 'fd');
  if (inherited === undefined) return;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    `${formatAddress(inherited)} can be listened on from the start alone: what the process was started with is used up then; restart it`,
    { address: formatAddress(inherited) },
  );
}

function tooMany(what: string): SplicewayError {
  return new SplicewayError(
    'ERR_SPLICEWAY_RESOURCE_LIMIT',
    `there are more ${what} than one process can have, those included that wait for their last sessions to end; ` +
      'remove some, or run a second process',
  );
}
