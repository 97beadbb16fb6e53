/** What a balancer does a second: from one look at its counters to the next, and in the looks before. */
import type { ControlBackend, ControlStatus } from '../../control/types.js';
import { labelOf } from '../remote/target.js';

/** A second each. */
export interface Rates {
  /** Sessions that began. */
  readonly opened: number;
  readonly failed: number;
  readonly bytesUpstream: number;
  readonly bytesDownstream: number;
}

/** Of a balancer, a pool or a backend. */
export interface Trace {
  /** Absent where it has been seen once only. */
  readonly rates?: Rates | undefined;
  /** Bytes a second, both ways, the oldest first. */
  readonly history: readonly number[];
}

/** A status, and what came of it since the one before. */
export interface Figures {
  readonly status: ControlStatus;
  /** Since the look before; absent at the first. */
  readonly seconds?: number | undefined;
  /** All sessions, those of removed backends included. */
  readonly total: Trace;
  /** By name. */
  readonly pools: ReadonlyMap<string, Trace>;
  /** By `keyOf`. */
  readonly backends: ReadonlyMap<string, Trace>;
}

/** As wide as a sparkline may be. */
const MOST_LOOKS = 120;
const NOTHING: Rates = { opened: 0, failed: 0, bytesUpstream: 0, bytesDownstream: 0 };
const EMPTY: Trace = { history: [] };

export const bytesOf = ({ bytesUpstream, bytesDownstream }: Rates): number =>
  bytesUpstream + bytesDownstream;

export class Looks {
  #last: { readonly figures: Figures; readonly atMs: number } | undefined;

  /** @param atMs of a clock that never goes back */
  next(status: ControlStatus, atMs: number): Figures {
    const last = this.#last;
    // One that was started anew counts from 0 on.
    const isSame = last?.figures.status.since === status.since;
    const seconds = last !== undefined && isSame ? (atMs - last.atMs) / 1000 : undefined;
    const before = isSame ? last?.figures : undefined;
    const backends = new Map<string, Trace>();
    const sums = new Map<string, Rates>();
    const earlier = new Map(before?.status.backends.map((one) => [keyOf(one), one]));
    for (const backend of status.backends) {
      const key = keyOf(backend);
      const rates = ratesOf(backend, earlier.get(key), seconds);
      backends.set(key, traced(before?.backends.get(key), rates));
      if (rates !== undefined) sums.set(backend.pool, sum(sums.get(backend.pool), rates));
    }
    const pools = status.pools.map(({ name }) => {
      const rates = seconds === undefined ? undefined : (sums.get(name) ?? NOTHING);
      return [name, traced(before?.pools.get(name), rates)] as const;
    });
    const total = ratesOf(
      allOf(status),
      before === undefined ? undefined : allOf(before.status),
      seconds,
    );
    const figures = {
      ...{ status, seconds, backends, pools: new Map(pools) },
      total: traced(before?.total, total),
    };
    this.#last = { figures, atMs };
    return figures;
  }
}

/** One that is removed may have sessions left while another one has its name. */
export function keyOf({ pool, name, state }: ControlBackend): string {
  const label = labelOf({ pool, backend: name });
  return state === 'removed' ? `${label} ${state}` : label;
}

const allOf = ({ sessions, bytes }: ControlStatus): Rates => ({
  opened: sessions.opened,
  failed: sessions.failed,
  bytesUpstream: bytes.upstream,
  bytesDownstream: bytes.downstream,
});

function ratesOf(
  now: Rates,
  before: Rates | undefined,
  seconds: number | undefined,
): Rates | undefined {
  if (before === undefined || seconds === undefined || seconds <= 0) return undefined;
  // One that was removed and added again counts from 0 on.
  const rate = (key: keyof Rates) => Math.max(0, now[key] - before[key]) / seconds;
  return {
    opened: rate('opened'),
    failed: rate('failed'),
    bytesUpstream: rate('bytesUpstream'),
    bytesDownstream: rate('bytesDownstream'),
  };
}

const sum = (one: Rates = NOTHING, other: Rates): Rates => ({
  opened: one.opened + other.opened,
  failed: one.failed + other.failed,
  bytesUpstream: one.bytesUpstream + other.bytesUpstream,
  bytesDownstream: one.bytesDownstream + other.bytesDownstream,
});

function traced({ history }: Trace = EMPTY, rates: Rates | undefined): Trace {
  if (rates === undefined) return { history };
  return { rates, history: [...history.slice(1 - MOST_LOOKS), bytesOf(rates)] };
}
