/** The listeners and pools that there are, and how they become those of another configuration. */
import { isDeepStrictEqual } from 'node:util';
import type { OnRemove } from '../config/on-remove.js';
import type { ListenerConfig, PoolConfig, ProxyConfig } from '../config/types.js';
import type { Counters } from '../engine/counters.js';
import {
  type AcceptingTables,
  BACKEND_ROWS,
  type EngineTables,
  LISTENER_ROWS,
} from '../engine/tables.js';
import type { Bind } from '../entrance/bind.js';
import type { Entrance } from '../entrance/entrance.js';
import type { Service } from '../entrance/service.js';
import type { Address } from '../model/address.js';
import type { QueueRefusal } from '../model/close-reason.js';
import { type BackendOverride, isOverridden, type Overlay, overrideIn } from '../model/overlay.js';
import { Ledger } from '../observe/ledger.js';
import type { Backend, BackendEvents, PoolInternals } from '../pool/backend.js';
import { Backends } from '../pool/backends.js';
import type { HealthWatch } from '../pool/health/health-watch.js';
import type { Names } from '../pool/names.js';
import { Pool } from '../pool/pool.js';
import { Rows } from '../pool/rows.js';
import type { OverrideEvent, RebalanceEvent } from '../session/events.js';
import { now } from '../timers.js';
import { Departures } from './departures.js';
import { HealthEffects } from './health-effects.js';
import type { LoopGuard } from './loop-guard.js';
import { HeldOverrides } from './overlay.js';
import { Preparation, type PreparedPool } from './preparation.js';
import { Rebalancer } from './rebalancer.js';
import { poolSettings, serviceSettings } from './settings-of.js';

/** Pools that a process may have at once: numbers of 16 bits, as the engine has them. */
const MOST_POOLS = 65_535;

export interface ServicesHost {
  readonly tables: EngineTables;
  /** Where the loops accept: the same tables. */
  readonly accepting: AcceptingTables | undefined;
  readonly counters: Counters;
  readonly guard: LoopGuard;
  readonly names: Names;
  readonly health: HealthWatch;
  readonly internals: PoolInternals;
  readonly events: BackendEvents;
  warn(message: string): void;
  onFilterFailed(error: Error): void;
  onPickFailed(error: Error): void;
  readonly onRebalance: (event: RebalanceEvent) => void;
  readonly onOverride: (event: OverrideEvent) => void;
  /** A client is not served, for whom all backends of a pool were full. */
  onRefused(pool: Pool, refusal: QueueRefusal): void;
  checkOpen(): void;
}

/** What comes with a change beside the configuration. */
export interface ChangeOptions {
  /** What becomes of the sessions of a backend that is removed, in place of what its pool says. */
  readonly onRemove?: OnRemove | undefined;
  /** What was set by hand of backends that are new. */
  readonly overlay?: Overlay | undefined;
}

/** What a change takes out, and what becomes of its sessions. */
interface Leaving {
  readonly pools: readonly Pool[];
  readonly backends: readonly (readonly [Backend, OnRemove])[];
  readonly binds: readonly (readonly [Bind, OnRemove])[];
}

export class Services {
  readonly #host: ServicesHost;
  readonly ledger = new Ledger();
  readonly backends = new Backends();
  readonly departures: Departures;
  readonly healthEffects: HealthEffects;
  readonly #rebalancer: Rebalancer;
  readonly #backendRows = new Rows(BACKEND_ROWS);
  readonly #listenerRows = new Rows(LISTENER_ROWS);
  readonly #poolNumbers = new Rows(MOST_POOLS);
  /** How many rows of backends each pool has, by its number, those included whose backend is gone and has sessions left. */
  readonly #rowsOfPools = new Map<number, number>();
  /** Numbers of pools that are gone and have such rows. */
  readonly #leavingPools = new Set<number>();
  /** Row of the sockets that are handed over. */
  readonly handoffRow = this.#listenerRows.take();
  /** Binds that were stopped and have sessions left. */
  readonly leavingBinds = new Set<Bind>();
  /** Backends that were taken out and have sessions left. */
  readonly leavingBackends = new Set<Backend>();
  /** Of whom the engine is to be told what an operator has said. */
  readonly #overridden = new Set<Backend>();
  #pools: ReadonlyMap<string, Pool> = new Map();
  #services: ReadonlyMap<string, Service> = new Map();
  #isStart = true;

  constructor(host: ServicesHost) {
    this.#host = host;
    this.departures = new Departures(host.tables);
    this.#rebalancer = new Rebalancer({
      tables: host.tables,
      counters: host.counters,
      isThere: (pool) => this.#pools.get(pool.name) === pool,
      tell: host.onRebalance,
    });
    this.healthEffects = new HealthEffects({
      tables: host.tables,
      counters: host.counters,
      departures: this.departures,
      poolOf: ({ pool }) => this.#pools.get(pool),
      tell: (backend) => this.#tell(backend),
      gained: (pool) => this.#rebalancer.gained(pool),
      lost: (pool) => this.#rebalancer.lost(pool),
      select: (pool) => {
        pool.selectAnew();
        this.#publish(() => this.#publishPool(pool));
      },
    });
  }

  /** By name, in the order of the configuration. */
  get pools(): ReadonlyMap<string, Pool> {
    return this.#pools;
  }

  /** By name, in the order of the configuration. */
  get services(): ReadonlyMap<string, Service> {
    return this.#services;
  }

  /** Every address that is listened on, in the order of the configuration. */
  *binds(): IterableIterator<Bind> {
    for (const { binds } of this.#services.values()) yield* binds;
  }

  /** Of all pools, in the order of the configuration. */
  *pooled(): IterableIterator<Backend> {
    for (const { backends } of this.#pools.values()) yield* backends;
  }

  /**
   * Has a configuration take the place of the one before, whole or not at all. One at a time.
   *
   * @param from the one before, of which removed pools say what becomes of their sessions
   * @throws SplicewayError why it cannot be; all is as it was then
   */
  async apply(
    from: ProxyConfig | undefined,
    to: ProxyConfig,
    entrance: Entrance,
    options: ChangeOptions = {},
  ): Promise<void> {
    const preparation = new Preparation(to, {
      ...this.#host,
      entrance,
      backendRows: this.#backendRows,
      listenerRows: this.#listenerRows,
      pools: this.#pools,
      services: this.#services,
      isStart: this.#isStart,
      makePool: (config) => this.#makePool(config),
    });
    try {
      await preparation.run();
      this.#host.checkOpen();
    } catch (error) {
      preparation.undo();
      for (const { number } of preparation.newPools.values()) this.#poolNumbers.giveBack(number);
      throw error;
    }
    const held = new HeldOverrides();
    const leaving = this.#commit(preparation, from, entrance, { ...options, held });
    this.#isStart = false;
    if (held.message !== undefined) this.#host.warn(held.message);
    for (const [backend] of leaving.backends) {
      const isMoved = this.#pools.get(backend.pool)?.find(backend.name) !== undefined;
      if (isMoved || !isOverridden(backend.override)) continue;
      this.#sayOverridden(backend, backend.override, {}, true);
    }
    await this.#takeOut(leaving, entrance);
  }

  /** As `LoopGuard.reserve()`. */
  reserve(address: Address): () => void {
    return this.#host.guard.reserve(address);
  }

  /** What an operator says of a backend, whatever is configured: in effect at the end of this turn. */
  override(backend: Backend, override: BackendOverride): void {
    const pool = this.#pools.get(backend.pool);
    if (pool === undefined || backend.isGone) return;
    const { state, override: from } = backend;
    backend.configure(backend.config, override);
    if (state === 'maintenance' && backend.isReady) this.healthEffects.begin(backend);
    pool.selectAnew();
    this.#host.health.overridden(backend);
    if (this.#overridden.size === 0) queueMicrotask(() => this.#tellOverridden());
    this.#overridden.add(backend);
    this.#sayOverridden(backend, from, override, false);
  }

  #sayOverridden(
    { pool, name }: Backend,
    from: BackendOverride,
    to: BackendOverride,
    isGone: boolean,
  ): void {
    this.#host.onOverride({ pool, backend: name, from, to, isGone });
  }

  /** All of a turn at once: a selection is made for each pool, and not for each of its backends. */
  #tellOverridden(): void {
    const backends = [...this.#overridden].filter(({ isGone }) => !isGone);
    this.#overridden.clear();
    const pools = new Set(backends.map(({ pool }) => this.#pools.get(pool)));
    for (const backend of backends) if (isOpen(backend)) this.#tell(backend);
    this.#publish(() => {
      for (const pool of pools) if (pool !== undefined) this.#publishPool(pool);
    });
    // Last: whom one turns away is to find the others.
    for (const backend of backends) if (!isOpen(backend)) this.#tell(backend);
  }

  #publish(change: () => void): void {
    this.#host.tables.hold();
    try {
      change();
    } finally {
      this.#host.tables.publish();
    }
  }

  close(): void {
    this.healthEffects.close();
    this.#rebalancer.close();
    this.departures.close();
  }

  /** Has all that is new take effect. @returns what is to be taken out, once every loop goes by it */
  #commit(
    prepared: Preparation,
    from: ProxyConfig | undefined,
    entrance: Entrance,
    { onRemove, overlay = {}, held }: ChangeOptions & { readonly held: HeldOverrides },
  ): Leaving {
    const before = new Before(from);
    const bindsBefore = new Map(Array.from(this.binds(), (bind) => [bind, bind.service] as const));
    const pools = [...this.#pools.values()].filter(({ name }) => !prepared.has(name));
    const backends: Backend[] = [];
    this.#publish(() => {
      const changed = prepared.pools.filter(({ config }) => !before.hasPool(config));
      for (const pool of changed) {
        backends.push(...this.#replacePool(pool, prepared, overlay, held));
      }
      for (const backend of backends) backend.isGone = true;
      this.#replaceServices(prepared);
      this.#host.guard.setListeners(this.binds());
      const names = new Set(changed.map(({ config }) => config.name));
      for (const { config, binds } of prepared.services) {
        const isKnown = before.hasListener(config) && !names.has(config.pool);
        for (const bind of binds) {
          const service = bindsBefore.get(bind);
          if (service === undefined) continue;
          if (!isKnown || service !== bind.service) entrance.update(bind);
          // Who takes an address over takes it as it is itself.
          if (service.isPaused && !bind.service.isPaused) entrance.resume(bind);
          if (!service.isPaused && bind.service.isPaused) entrance.pause(bind);
        }
      }
    });
    backends.push(...pools.flatMap((pool) => pool.backends));
    this.#host.names.watch(prepared.newBackends);
    for (const bind of prepared.newBinds) entrance.start(bind);
    const kept = new Set(this.binds());
    const binds = [...bindsBefore].filter(([bind]) => !kept.has(bind));
    for (const [bind] of binds) {
      entrance.stop(bind);
      this.leavingBinds.add(bind);
    }
    for (const backend of backends) this.leavingBackends.add(backend);
    this.#noteReplaced();
    const onRemoveOf = (pool: string) =>
      (prepared.configOf(pool) ?? before.pool(pool))?.onRemove ?? 'keep';
    return {
      pools,
      backends: backends.map((item) => [item, onRemove ?? onRemoveOf(item.pool)]),
      binds: binds.map(([bind, { pool }]) => [bind, onRemoveOf(pool.name)]),
    };
  }

  /** Of several that have had one name, those before the last one. */
  #noteReplaced(): void {
    for (const backend of this.leavingBackends) {
      if (this.#pools.get(backend.pool)?.find(backend.name) !== undefined)
        backend.isReplaced = true;
    }
  }

  /**
   * Takes out what nobody is sent to any more. Not before every loop picks by what is new, and has closed what it accepted
   * on: whom it took as it did so are served by what was there.
   */
  async #takeOut({ pools, backends, binds }: Leaving, entrance: Entrance): Promise<void> {
    if (pools.length + backends.length + binds.length === 0) return;
    const { tables, accepting, guard, names, health } = this.#host;
    await (binds.length > 0 ? tables.settled() : tables.inEffect());
    this.#publish(() => {
      for (const [{ row }] of binds) accepting?.detachListener(row);
      for (const pool of pools) {
        pool.replace(pool.settings, []);
        accepting?.setPool(pool.number, undefined);
        this.#leavingPools.add(pool.number);
      }
      for (const [backend] of backends) {
        backend.isGone = true;
        guard.delete(backend);
        names.forget(backend);
        health.forget(backend);
        tables.removeBackend(backend.row);
      }
    });
    for (const [{ row }] of backends) tables.setBackendState(row, 'drain');
    for (const [backend, onRemove] of backends) this.#seeOff(backend, onRemove);
    for (const [bind, onRemove] of binds) this.#seeOffBind(bind, entrance, onRemove);
  }

  #replaceServices(prepared: Preparation): void {
    for (const { config, service, binds } of prepared.services) {
      service.replace(serviceSettings(config), prepared.poolOf(config.pool));
      service.binds = binds;
      for (const bind of binds) bind.service = service;
    }
    this.#pools = new Map(
      prepared.pools.map(({ config }) => [config.name, prepared.poolOf(config.name)]),
    );
    this.#services = new Map(
      prepared.services.map(({ service }) => [service.name, service] as const),
    );
  }

  #makePool(config: PoolConfig): Pool {
    const { tables, internals, onPickFailed, onRefused } = this.#host;
    const number = this.#poolNumbers.take();
    const pool: Pool = new Pool(
      {
        name: config.name,
        number,
        now: internals.now ?? now,
        waiting: () => tables.queued(number),
        onPickFailed,
        onRefused: (refusal) => onRefused(pool, refusal),
      },
      poolSettings(config),
      [],
    );
    return pool;
  }

  /** @returns the backends that it has no more */
  #replacePool(
    { config, backends }: PreparedPool,
    prepared: Preparation,
    overlay: Overlay,
    held: HeldOverrides,
  ): readonly Backend[] {
    const pool = prepared.poolOf(config.name);
    const kept = new Set(backends);
    const removed = (this.#pools.get(config.name)?.backends ?? []).filter(
      (backend) => !kept.has(backend),
    );
    const byName = new Map(removed.map((backend) => [backend.name, backend]));
    const added: Backend[] = [];
    for (const [index, backend] of backends.entries()) {
      const wanted = config.backends[index];
      if (this.backends.has(backend)) {
        if (wanted !== undefined && wanted !== backend.config) {
          this.#configure(backend, wanted, held);
        }
        continue;
      }
      const moved = byName.get(backend.name);
      // One that has moved is what an operator has said of it.
      const override = moved?.override ?? overrideIn(overlay, config.name, backend.name);
      backend.configure(backend.config, override);
      if (moved !== undefined) held.note(backend, moved.config);
      added.push(backend);
      this.backends.add(backend);
      this.#countRow(backend, 1);
      this.#host.guard.add(backend);
    }
    const { settings } = pool;
    pool.replace(poolSettings(config), backends);
    this.#host.tables.limitPool(pool.number, pool.settings.limits);
    this.#host.health.watch(pool);
    this.healthEffects.configured(pool, settings);
    if (!this.#isStart) for (const backend of added) this.healthEffects.begin(backend);
    // Only now: the pool says whether those that are not known yet are up.
    for (const backend of backends) {
      this.#host.tables.setSources(backend.row, pool.settings.from);
      this.#tell(backend);
    }
    this.#publishPool(pool);
    return removed;
  }

  #configure(backend: Backend, config: Backend['config'], held: HeldOverrides): void {
    const { inTurn: wasInTurn, config: from } = backend;
    backend.configure(config, backend.override);
    held.note(backend, from);
    if (backend.inTurn !== wasInTurn) this.#host.guard.publish(backend, true);
  }

  /** The engine, of what it has to know of a backend besides where it is. */
  #tell(backend: Backend): void {
    this.#host.tables.limitBackend(backend.row, backend.maxSessions);
    this.#host.tables.setBackendState(backend.row, stateOf(backend));
  }

  #publishPool(pool: Pool): void {
    this.#host.accepting?.setPool(pool.number, pool.plan);
  }

  /** Frees all that a backend has, once its last session has left. */
  #seeOff(backend: Backend, onRemove: OnRemove): void {
    this.healthEffects.forget(backend);
    const { tables, counters } = this.#host;
    const { row, poolNumber } = backend;
    /** Whoever waited in a pool that is gone is told of it, the one after the other. */
    const isQueueOver = () =>
      !this.#leavingPools.has(poolNumber) || tables.queued(poolNumber) === 0;
    this.departures.add(
      {
        sessions: { backend: row },
        isVacant: () => tables.isBackendVacant(row) && isQueueOver(),
        open: () => counters.backend(row).open,
        onVacant: () => {
          tables.clearBackend(row);
          this.backends.delete(backend);
          this.leavingBackends.delete(backend);
          this.#backendRows.giveBack(row);
          this.#countRow(backend, -1);
        },
      },
      onRemove,
    );
  }

  /** A pool that is gone counts the sessions of its backends until the last one has left. */
  #countRow({ poolNumber }: Backend, change: 1 | -1): void {
    const rows = (this.#rowsOfPools.get(poolNumber) ?? 0) + change;
    this.#rowsOfPools.set(poolNumber, rows);
    if (rows > 0 || !this.#leavingPools.delete(poolNumber)) return;
    this.#rowsOfPools.delete(poolNumber);
    this.#host.tables.clearPool(poolNumber);
    this.#poolNumbers.giveBack(poolNumber);
  }

  /** The same of a bind that was stopped. */
  #seeOffBind(bind: Bind, entrance: Entrance, onRemove: OnRemove): void {
    const { tables, counters } = this.#host;
    const { row } = bind;
    this.departures.add(
      {
        sessions: { listener: row },
        isVacant: () => entrance.isVacant(bind) && tables.isListenerVacant(row),
        open: () => counters.listener(row).open,
        onCut: () => entrance.drop(bind),
        onVacant: () => {
          this.ledger.enter(counters.listener(row), counters.unheard(row), counters.ends(row));
          tables.clearListener(row);
          entrance.forget(bind);
          this.leavingBinds.delete(bind);
          this.#listenerRows.giveBack(row);
        },
      },
      onRemove,
    );
  }
}

/** Whether new sessions may set out for it. */
const isOpen = ({ isReady, isUp }: Backend) => isReady && isUp;

const stateOf = ({ isReady, isUp }: Backend) => (!isReady ? 'drain' : isUp ? 'up' : 'down');

/** The configuration before, by name. */
class Before {
  readonly #listeners: ReadonlyMap<string, ListenerConfig>;
  readonly #pools: ReadonlyMap<string, PoolConfig>;

  constructor(config: ProxyConfig | undefined) {
    this.#listeners = new Map(config?.listeners.map((listener) => [listener.name, listener]));
    this.#pools = new Map(config?.pools.map((pool) => [pool.name, pool]));
  }

  pool(name: string): PoolConfig | undefined {
    return this.#pools.get(name);
  }

  /** Whether there was the very same. */
  hasPool(pool: PoolConfig): boolean {
    return isDeepStrictEqual(this.#pools.get(pool.name), pool);
  }

  /** Whether there was the very same. */
  hasListener(listener: ListenerConfig): boolean {
    return isDeepStrictEqual(this.#listeners.get(listener.name), listener);
  }
}
