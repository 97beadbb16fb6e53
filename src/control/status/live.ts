/** The figures of one second, as the stream of the status address tells them. */
import type { BackendStats, EndStats, PoolStats, ProxyStats } from '../../observe/stats.js';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';

import { keys, Meter, NO_RATES, type Rates } from './rates.js';
import { type BackendWord, isOutForItsName, wordOf } from './state-word.js';
import { inOwnWords, NO_ADDRESS } from './told.js';
import type { PoolTimes, Windows } from './windows.js';

/** Told of each time; those first that take no sessions. */
const MOST_BACKENDS = 1000;

interface LiveListener extends Rates {
  readonly name: string;
  readonly address: string;
  readonly isPaused: boolean;
  readonly open: number;
  /** Sessions since the start that found no backend. */
  readonly failures: number;
  /** Clients that were refused since the start. */
  readonly rejected: number;
}

interface LivePool extends Rates {
  readonly name: string;
  readonly backends: number;
  /** How many of them take new sessions, as far as is known. */
  readonly up: number;
  /** Whether one of them can be picked, as readiness has it. */
  readonly isReady: boolean;
  readonly open: number;
  /** Clients who wait for a place. */
  readonly queued: number;
  readonly maxPoolSessions?: number;
  readonly times: PoolTimes;
}

interface LiveBackend extends Rates {
  readonly pool: string;
  readonly name: string;
  readonly address: string;
  readonly state: BackendWord;
  /** Why, in words of Spliceway; may be empty. */
  readonly reason: string;
  /** When its health became what it is: milliseconds since 1970. */
  readonly since: number;
  readonly weight: number;
  readonly open: number;
  readonly maxSessions?: number;
  /** Attempts to reach it that failed since the start. */
  readonly failures: number;
}

/** What `event: figures` has. Rates are since the figures before. */
export interface LiveFigures {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly generation: number;
  readonly isStopping: boolean;
  readonly all: Rates & {
    readonly open: number;
    /** Since the start. */
    readonly sessions: number;
    readonly rejected: number;
  };
  readonly listeners: readonly LiveListener[];
  readonly pools: readonly LivePool[];
  /** In the order of the options, or those first that take no sessions where there are more than are told. */
  readonly backends: readonly LiveBackend[];
  /** How many backends are not told of. */
  readonly left: number;
  /** Since the start. */
  readonly ends: readonly EndStats[];
  /** How busy each loop is, from 0 to 1. */
  readonly loops: readonly number[];
}

export class Live {
  readonly #proxy: RunningProxy;
  readonly #windows: Windows;
  readonly #meter = new Meter();
  #at = 0;
  #busy: readonly number[] = [];

  constructor(proxy: RunningProxy, windows: Windows) {
    this.#proxy = proxy;
    this.#windows = windows;
  }

  /** @param at milliseconds of a clock that never goes back; rates are since the call before */
  figures(at: number): LiveFigures {
    const proxy = this.#proxy;
    const stats = proxy.stats();
    const rates = this.#meter.measure(stats, at);
    const ratesOf = (key: string) => rates.get(key) ?? NO_RATES;
    const { generation, sessions, ends } = stats;
    const { open, opened, rejected } = sessions;
    const told = toldOf(stats.backends);
    return {
      at: Date.now(),
      generation,
      isStopping: proxy.isClosing,
      all: { open, sessions: opened, rejected, ...ratesOf(keys.all) },
      listeners: stats.listeners.map(({ name, address, open, failed, rejected }) => ({
        name,
        address,
        isPaused: proxy.listener(name).isPaused,
        open,
        rejected,
        ...ratesOf(keys.listener(name, address)),
        failures: failed,
      })),
      pools: this.#pools(stats, ratesOf),
      backends: told.map((backend) => liveBackend(backend, ratesOf(keys.backend(backend)))),
      left: stats.backends.length - told.length,
      ends,
      loops: this.#loops(stats, at),
    };
  }

  #pools({ pools, backends }: ProxyStats, ratesOf: (key: string) => Rates): LivePool[] {
    const sums = new Map(pools.map(({ name }) => [name, { backends: 0, up: 0, open: 0 }]));
    for (const backend of backends) {
      const sum = sums.get(backend.pool);
      if (sum === undefined) continue;
      sum.open += backend.open;
      if (backend.state === 'removed') continue;
      sum.backends += 1;
      if (isUp(backend)) sum.up += 1;
    }
    const ready = new Map(this.#proxy.readiness().pools.map((one) => [one.pool, one.ready]));
    return pools.map((pool: PoolStats) => ({
      name: pool.name,
      isReady: ready.get(pool.name) ?? false,
      ...(sums.get(pool.name) ?? { backends: 0, up: 0, open: 0 }),
      queued: pool.queue.length,
      ...(pool.maxPoolSessions === undefined ? {} : { maxPoolSessions: pool.maxPoolSessions }),
      times: this.#windows.timesOf(pool),
      ...ratesOf(keys.pool(pool.name)),
    }));
  }

  #loops({ loops }: ProxyStats, at: number): readonly number[] {
    const seconds = (at - this.#at) / 1000;
    const before = this.#busy;
    this.#at = at;
    this.#busy = loops.map(({ busy }) => busy);
    return this.#busy.map((busy, loop) => {
      const share = (busy - (before[loop] ?? busy)) / seconds;
      return Math.min(1, Math.max(0, share));
    });
  }
}

/** As far as is known: one that no check has answered for yet may take some. */
const isUp = (backend: BackendStats) => ['up', 'checking'].includes(wordOf(backend));

function toldOf(backends: readonly BackendStats[]): readonly BackendStats[] {
  if (backends.length <= MOST_BACKENDS) return backends;
  const [sick, sound] = [backends.filter((one) => !isUp(one)), backends.filter(isUp)];
  return [...sick, ...sound].slice(0, MOST_BACKENDS);
}

function liveBackend(backend: BackendStats, rates: Rates): LiveBackend {
  const { pool, name, address, health, weight, open, maxSessions, failed } = backend;
  return {
    pool,
    name,
    address,
    state: wordOf(backend),
    reason: isOutForItsName(backend)
      ? NO_ADDRESS
      : inOwnWords(health.reason, health.status === 'up'),
    since: health.since,
    weight,
    open,
    ...(maxSessions === undefined ? {} : { maxSessions }),
    ...rates,
    failures: failed,
  };
}
