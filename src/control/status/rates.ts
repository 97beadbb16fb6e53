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

/** All that is counted at one moment: listeners first, and pools before backends. */
function countsIn(stats: ProxyStats): ReadonlyMap<string, Counts> {
  const { sessions, bytes, listeners, pools, backends } = stats;
  const { upstream: bytesUpstream, downstream: bytesDownstream } = bytes;
  const rows = new Map<string, Counts>([
    [keys.all, { ...sessions, bytesUpstream, bytesDownstream }],
  ]);
  for (const row of listeners) rows.set(keys.listener(row.name, row.address), row);
  const sums = new Map(pools.map(({ name }) => [name, { ...NOTHING }]));
  for (const [name, sum] of sums) rows.set(keys.pool(name), sum);
  for (const row of backends) {
    const sum = sums.get(row.pool);
    if (sum !== undefined) add(sum, row);
    const key = keys.backend(row);
    // Those that were removed come last, and another one may have the name already.
    if (!rows.has(key)) rows.set(key, row);
  }
  return rows;
}

const NOTHING: Counts = { opened: 0, failed: 0, bytesUpstream: 0, bytesDownstream: 0 };

function add(sum: { -readonly [Name in keyof Counts]: number }, row: Counts): void {
  sum.opened += row.opened;
  sum.failed += row.failed;
  sum.bytesUpstream += row.bytesUpstream;
  sum.bytesDownstream += row.bytesDownstream;
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
    const counts = countsIn(stats);
    const seconds = (at - this.#at) / 1000;
    const rates = new Map<string, Rates>();
    for (const [key, now] of counts) {
      const before = this.#before.get(key);
      if (before !== undefined && seconds > 0) rates.set(key, ratesOf(before, now, seconds));
    }
    this.#at = at;
    // Rows are copies already, each made for one `stats()`.
    this.#before = counts;
    return rates;
  }
}

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
