/** The handles of a proxy's pools, backends and listeners: each looks up what it names when it is used. */
import { isDeepStrictEqual } from 'node:util';
import type { OnRemove } from '../config/on-remove.js';
import type { BackendOptions } from '../config/options.js';
import { parseOptions, parseSettings } from '../config/schema.js';
import { didYouMean } from '../config/suggest.js';
import type { PoolConfig, ProxyConfig } from '../config/types.js';
import type { Counters } from '../engine/counters.js';
import type { EngineTables } from '../engine/tables.js';
import type { Entrance } from '../entrance/entrance.js';
import type { Service } from '../entrance/service.js';
import { SplicewayError } from '../errors/catalogue.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import { type BackendOverride, type OverrideKey, overrideKeys } from '../model/overlay.js';
import type { UpdateResult } from '../model/update-result.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { Drain } from './drain.js';
import type {
  BackendHandle,
  DrainResult,
  ListenerHandle,
  OnRemoveOption,
  PoolHandle,
} from './handles.js';
import type { ChangeOptions, Services } from './services.js';

export interface HandlesHost {
  readonly services: Services;
  readonly tables: EngineTables;
  readonly counters: Counters;
  entrance(): Entrance;
  config(): ProxyConfig;
  /** As `Proxy.update()`, in its turn: `change` is told what the configuration is then. */
  update(
    change: (present: ProxyConfig) => ProxyConfig,
    options?: ChangeOptions,
  ): Promise<UpdateResult>;
  /** Something was changed at once. */
  changed(): void;
  /** @throws SplicewayError `ERR_SPLICEWAY_CLOSED` */
  checkOpen(): void;
}

export class Handles {
  readonly #host: HandlesHost;
  /** Of backends that sessions are still to leave. */
  readonly #drains = new Map<Backend, Drain>();

  constructor(host: HandlesHost) {
    this.#host = host;
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_POOL` */
  pool(name: string): PoolHandle {
    this.#poolNamed(name);
    const backendNames = () => this.#poolNamed(name).backends.map((backend) => backend.name);
    return {
      name,
      get backends() {
        return backendNames();
      },
      add: async (backend) => this.#add(name, backend),
      remove: async (backend, onRemove) => this.#remove(name, backend, onRemove),
      backend: (backend) => this.#backend(name, backend),
      reset: () => this.#resetAll(this.#poolNamed(name)),
    };
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_LISTENER` */
  listener(name: string): ListenerHandle {
    this.#serviceNamed(name);
    const service = () => this.#serviceNamed(name);
    return {
      name,
      get addresses() {
        return service().binds.map(({ address }) => address);
      },
      get isPaused() {
        return service().isPaused;
      },
      pause: () => this.#pause(service()),
      resume: () => this.#resume(service()),
    };
  }

  /** Takes back all that was set by hand. */
  reset(): void {
    this.#host.checkOpen();
    for (const pool of this.#host.services.pools.values()) this.#resetAll(pool);
  }

  /** Nobody waits for a drain any more: everything ends. */
  close(): void {
    for (const drain of [...this.#drains.values()]) drain.callOff();
  }

  #backend(pool: string, name: string): BackendHandle {
    this.#backendNamed(pool, name);
    const backend = () => this.#backendNamed(pool, name);
    return {
      pool,
      name,
      get state() {
        return backend().state;
      },
      get health() {
        return backend().health;
      },
      get weight() {
        return backend().weight;
      },
      get maxSessions() {
        return backend().maxSessions || undefined;
      },
      drain: async (onRemove) => this.#empty(backend(), 'drain', onRemove),
      maintenance: async (onRemove) => this.#empty(backend(), 'maintenance', onRemove),
      ready: () => this.#ready(backend()),
      setHealth: (health) => this.#setHealth(backend(), health),
      reset: (...keys) => this.#reset(backend(), keys),
      setWeight: (weight) => {
        const { weight: valid } = parseOne({ weight }, 'weight');
        this.#override(backend(), { weight: valid });
      },
      setMaxSessions: (maxSessions) => {
        const { maxSessions: valid = 0 } = parseOne({ maxSessions }, 'maxSessions');
        this.#override(backend(), { maxSessions: valid });
      },
    };
  }

  #add(name: string, given: string | BackendOptions): Promise<UpdateResult> {
    const backend = parseBackend(given);
    return this.#host.update((present) =>
      withPool(present, this.#poolNamed(name), (backends) => {
        const address = formatAddress(backend.address);
        const there = backends.find(
          (other) => other.name === backend.name || formatAddress(other.address) === address,
        );
        if (there === undefined) return [...backends, backend];
        throw new SplicewayError(
          'ERR_SPLICEWAY_INVALID_OPTION',
          `pool ${name} has the backend ${there.name} already; give another one, or change that one with update()`,
          { backend: there.name },
        );
      }),
    );
  }

  #remove(name: string, given: string, asked?: OnRemoveOption): Promise<UpdateResult> {
    const onRemove = parseOnRemove(asked);
    return this.#host.update(
      (present) => {
        const pool = this.#poolNamed(name);
        const removed = this.#backendNamed(name, given);
        if (pool.backends.length === 1) {
          throw new SplicewayError(
            'ERR_SPLICEWAY_INVALID_OPTION',
            `${given} is the last backend of pool ${name}, which has one at least; drain() it, or remove the pool with update()`,
            { backend: removed.name },
          );
        }
        return withPool(present, pool, (backends) =>
          backends.filter((backend) => backend.name !== removed.name),
        );
      },
      { onRemove },
    );
  }

  #empty(
    backend: Backend,
    state: 'drain' | 'maintenance',
    asked?: OnRemoveOption,
  ): Promise<DrainResult> {
    const onRemove = parseOnRemove(asked);
    this.#override(backend, { state });
    const present = this.#drains.get(backend);
    if (present === undefined) return this.#begin(backend, onRemove).ended;
    // Whoever waits already goes on waiting: for the same sessions, and for as long as was said last.
    if (onRemove !== undefined) present.allow(onRemove);
    return present.ended;
  }

  #begin(backend: Backend, asked: OnRemove | undefined): Drain {
    const { services, tables, counters } = this.#host;
    const { row } = backend;
    const departure = {
      sessions: { backend: row },
      isVacant: () => tables.isBackendVacant(row),
      open: () => counters.backend(row).open,
    };
    const onRemove = asked ?? this.#configOf(backend.pool).onRemove;
    const drain = new Drain(services.departures, departure, onRemove, () =>
      this.#drains.delete(backend),
    );
    this.#drains.set(backend, drain);
    return drain;
  }

  /** No options say another state than ready. */
  #ready(backend: Backend): void {
    this.#reset(backend, ['state']);
  }

  #setHealth(backend: Backend, health: 'up' | 'down' | 'auto'): void {
    if (!['up', 'down', 'auto'].includes(health)) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_INVALID_OPTION',
        `${JSON.stringify(health)} is not a health that can be set; choose up, down or auto`,
      );
    }
    if (health === 'auto') this.#reset(backend, ['health']);
    else this.#override(backend, { health });
  }

  #resetAll({ backends }: Pool): void {
    this.#host.checkOpen();
    for (const backend of backends) this.#reset(backend, []);
  }

  /** @param keys none: all */
  #reset(backend: Backend, keys: readonly OverrideKey[]): void {
    const unknownKey = keys.find((key) => !overrideKeys.includes(key));
    if (unknownKey !== undefined) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_INVALID_OPTION',
        `${JSON.stringify(unknownKey)} is nothing that is set by hand; choose ${overrideKeys.join(', ')}, or nothing for all`,
      );
    }
    const isKept = (key: string) => keys.length > 0 && !keys.includes(key as OverrideKey);
    const kept = Object.entries(backend.override).filter(([key]) => isKept(key));
    if (!isKept('state')) this.#drains.get(backend)?.callOff();
    this.#setOverride(backend, Object.fromEntries(kept));
  }

  #override(backend: Backend, more: BackendOverride): void {
    this.#setOverride(backend, { ...backend.override, ...more });
  }

  #setOverride(backend: Backend, override: BackendOverride): void {
    this.#host.checkOpen();
    if (isDeepStrictEqual(backend.override, override)) return;
    // First: whoever hears of it sees the figures of after.
    this.#host.changed();
    this.#host.services.override(backend, override);
  }

  #pause(service: Service): void {
    this.#host.checkOpen();
    if (service.isPaused) return;
    const entrance = this.#host.entrance();
    const paused = service.binds.filter((bind) => entrance.pause(bind));
    if (paused.length < service.binds.length) {
      for (const bind of paused) entrance.resume(bind);
      throw new SplicewayError(
        'ERR_SPLICEWAY_ENGINE_UNAVAILABLE',
        `listener ${service.name} cannot be paused: that takes the addon, or a descriptor more; see spliceway doctor`,
      );
    }
    service.isPaused = true;
    this.#host.changed();
  }

  #resume(service: Service): void {
    this.#host.checkOpen();
    if (!service.isPaused) return;
    service.isPaused = false;
    for (const bind of service.binds) this.#host.entrance().resume(bind);
    this.#host.changed();
  }

  #configOf(pool: string): PoolConfig {
    const config = this.#host.config().pools.find(({ name }) => name === pool);
    if (config === undefined) throw unknownPool(pool, this.#host.services.pools.keys());
    return config;
  }

  #poolNamed(name: string): Pool {
    const { pools } = this.#host.services;
    const pool = pools.get(name);
    if (pool === undefined) throw unknownPool(name, pools.keys());
    return pool;
  }

  #serviceNamed(name: string): Service {
    const { services } = this.#host.services;
    const service = services.get(name);
    if (service === undefined) {
      const message = unknown('listener', name, services.keys());
      throw new SplicewayError('ERR_SPLICEWAY_UNKNOWN_LISTENER', message);
    }
    return service;
  }

  #backendNamed(pool: string, name: string): Backend {
    return backendIn(this.#poolNamed(pool), name);
  }
}

/** @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_BACKEND` */
export function backendIn(pool: Pool, name: string): Backend {
  const backend = pool.find(name);
  if (backend !== undefined) return backend;
  const known = pool.backends.map((other) => other.name);
  const hint = didYouMean(name, known) || `; it has ${known.slice(0, 10).join(', ')}`;
  throw new SplicewayError(
    'ERR_SPLICEWAY_UNKNOWN_BACKEND',
    `pool ${pool.name} has no backend ${name}${hint}`,
    { backend: name },
  );
}

export function unknownPool(name: string, known: Iterable<string>): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_UNKNOWN_POOL', unknown('pool', name, known));
}

function unknown(what: string, name: string, known: Iterable<string>): string {
  const names = [...known];
  const hint = didYouMean(name, names) || `; it has ${names.slice(0, 10).join(', ') || 'none'}`;
  return `the proxy has no ${what} ${name}${hint}`;
}

/** The others stay the very same objects: what has not changed need not be compared. */
function withPool(
  present: ProxyConfig,
  { name }: Pool,
  change: (backends: readonly BackendConfig[]) => readonly BackendConfig[],
): ProxyConfig {
  const pools = present.pools.map((pool) =>
    pool.name === name ? { ...pool, backends: change(pool.backends) } : pool,
  );
  return { ...present, pools };
}

function parseBackend(given: unknown): BackendConfig {
  const nameOf = (path: readonly (string | number)[]) => ['backend', ...path.slice(2)].join('.');
  const { pools } = parseOptions({ backends: [given] }, nameOf);
  return pools[0]?.backends[0] as BackendConfig;
}

/** One option of a backend alone. */
function parseOne(option: Partial<BackendOptions>, name: string): BackendConfig {
  const { pools } = parseOptions({ backends: [{ address: 'unix:/any', ...option }] }, () => name);
  return pools[0]?.backends[0] as BackendConfig;
}

function parseOnRemove(onRemove: OnRemoveOption | undefined): OnRemove | undefined {
  return onRemove === undefined ? undefined : parseSettings({ onRemove }).onRemove;
}
