/** How much there is of what is counted, in a second. */
import type { BackendStats, ProxyStats, RowStats } from '../../observe/stats.js';

/** What is counted of a listener, a pool, a backend, or all together. */
type Counts = Pick<RowStats, 'opened' | 'failed' | 'bytesUpstream' | 'bytesDownstream'>;

/** Each in a second. */
export interface Rates {
  /** Sessions that began. */
  readonly opened: number;
  /** Of listeners, those that found no backend; of backends and pools, attempts to reach one that failed. */
  readonly failed: number;
  /** Bytes from clients. */
  readonly upstream: number;
  /** Bytes from backends. */
  readonly downstream: number;
}

export const NO_RATES: Rates = { opened: 0, failed: 0, upstream: 0, downstream: 0 };

/** What rows are called where several kinds of them are told of together: `all`, `listener web 127.0.0.1:80`, `pool db`, `backend db/a`. */
export const keys = {
  all: 'all',
  listener: (name: string, address: string) => `listener ${name} ${address}`,
  pool: (name: string) => `pool ${name}`,
  backend: ({ pool, name }: Pick<BackendStats, 'pool' | 'name'>) => `backend ${pool}/${name}`,
} as const;

interface Row {
  /** As `keys` have it; something else where it is of none of them. */
  readonly key: string;
  readonly counts: Counts;
  /** Whose rates those of this row are a part of. */
  readonly pool?: string;
  readonly isReplaced?: true;
}

const NOTHING: Counts = { opened: 0, failed: 0, bytesUpstream: 0, bytesDownstream: 0 };

/** All that is counted at one moment: listeners first, and pools before backends. Of pools nothing is: they have what their backends have. */
function rowsIn(stats: ProxyStats): readonly Row[] {
  const { sessions, bytes, listeners, pools, backends } = stats;
  const { upstream: bytesUpstream, downstream: bytesDownstream } = bytes;
  return [
    { key: keys.all, counts: { ...sessions, bytesUpstream, bytesDownstream } },
    ...listeners.map((row) => ({ key: keys.listener(row.name, row.address), counts: row })),
    ...pools.map(({ name }) => ({ key: keys.pool(name), counts: NOTHING })),
    ...backends
      .filter(({ isReplaced }) => !isReplaced)
      .map((row) => ({ key: keys.backend(row), counts: row, pool: row.pool })),
    ...replacedIn(backends),
  ];
}

/**
 * Backends that were removed, and whose names others have: those of a pool together, since nothing tells them apart. The key is another
 * one when there are more or fewer of them, so that what one of them had counted before it came or went is no rate.
 */
function replacedIn(backends: readonly BackendStats[]): readonly Row[] {
  const replaced = backends.filter(({ isReplaced }) => isReplaced);
  const names = new Set(replaced.map(({ pool }) => pool));
  return Array.from(names, (pool) => {
    const rows = replaced.filter((row) => row.pool === pool);
    const sum = (name: keyof Counts) => rows.reduce((total, row) => total + row[name], 0);
    return {
      key: `${rows.length} replaced in ${pool}`,
      counts: {
        opened: sum('opened'),
        failed: sum('failed'),
        bytesUpstream: sum('bytesUpstream'),
        bytesDownstream: sum('bytesDownstream'),
      },
      pool,
      isReplaced: true,
    };
  });
}

/** Compares what is counted with the time before. */
export class Meter {
  #at = 0;
  #before: ReadonlyMap<string, Counts> = new Map();

  /**
   * @param at milliseconds of a clock that never goes back
   * @returns what there was in a second since the time before, by `keys`; only of rows that were there then
   */
  measure(stats: ProxyStats, at: number): ReadonlyMap<string, Rates> {
    const seconds = (at - this.#at) / 1000;
    // Rows are copies already, each made for one `stats()`.
    const now = new Map<string, Counts>();
    const rates = new Map<string, Rates>();
    for (const { key, counts, pool, isReplaced } of rowsIn(stats)) {
      now.set(key, counts);
      const before = this.#before.get(key);
      if (before === undefined || seconds <= 0) continue;
      const rate = ratesOf(before, counts, seconds);
      if (!isReplaced) rates.set(key, rate);
      if (pool === undefined) continue;
      // Not the difference of sums: those fall when a backend has gone.
      const ofPool = rates.get(keys.pool(pool));
      if (ofPool !== undefined) rates.set(keys.pool(pool), sumOf(ofPool, rate));
    }
    this.#at = at;
    this.#before = now;
    return rates;
  }
}

const sumOf = (one: Rates, other: Rates): Rates => ({
  opened: one.opened + other.opened,
  failed: one.failed + other.failed,
  upstream: one.upstream + other.upstream,
  downstream: one.downstream + other.downstream,
});

/** What goes back belongs to another one of the same name: nothing is known of its rate. */
function ratesOf(before: Counts, now: Counts, seconds: number): Rates {
  const rate = (name: keyof Counts) => Math.max(0, now[name] - before[name]) / seconds;
  return {
    opened: rate('opened'),
    failed: rate('failed'),
    upstream: rate('bytesUpstream'),
    downstream: rate('bytesDownstream'),
  };
}
