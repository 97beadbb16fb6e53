/** Has clients with long-lived sessions come back to backends that have fewer, once these can take them. */
import type { Counters } from '../engine/counters.js';
import type { EngineTables } from '../engine/tables.js';
import type { Pool } from '../pool/pool.js';
import { type Load, sessionsOf, surplusOf } from '../pool/rebalance.js';
import type { RebalanceEvent } from '../session/events.js';
import { clearTimeout, setTimeout } from '../timers.js';

/** Between two looks at a pool that is not level. */
const LOOK_MS = 1000;
/** So many times `rebalanceIdle` nothing has to change before it begins. */
const CALM = 3;
/** Looks in a row that found nobody at rest, or brought the pool no nearer to being level, and then it gives up. */
const VAIN_LOOKS = 10;
/** So many sessions for each backend have to end meanwhile: by most policies, only some of the clients come to the new one. */
const VAIN_ENDS = 10;

export interface RebalancerHost {
  readonly tables: EngineTables;
  readonly counters: Counters;
  isThere(pool: Pool): boolean;
  tell(event: RebalanceEvent): void;
}

/** A pool that waits for calm, or is being levelled. */
interface Levelling {
  timer: NodeJS.Timeout | undefined;
  /** Sessions that there were when it began; `undefined` before. */
  sessions: number | undefined;
  /** What its backends had counted at the last look. */
  counted: number;
  ended: number;
  /** Looks in a row that ended nobody. */
  vainLooks: number;
  /** The fewest sessions beyond their share so far, and what has been tried since. */
  readonly nearest: { beyond: number; looks: number; ended: number };
}

export class Rebalancer {
  readonly #host: RebalancerHost;
  readonly #pools = new Map<Pool, Levelling>();

  constructor(host: RebalancerHost) {
    this.#host = host;
  }

  /** A backend has come, or is back: the pool is levelled when it has been calm for a while. */
  gained(pool: Pool): void {
    const { rebalance } = pool.settings;
    if (rebalance === undefined) return;
    this.#stop(pool, 'the pool has changed');
    const levelling: Levelling = {
      timer: undefined,
      sessions: undefined,
      counted: 0,
      ended: 0,
      vainLooks: 0,
      nearest: { beyond: Number.POSITIVE_INFINITY, looks: 0, ended: 0 },
    };
    this.#pools.set(pool, levelling);
    const calmMs = Math.max(CALM * rebalance.idleMs, pool.settings.slowStartMs);
    this.#lookIn(calmMs, pool, levelling);
  }

  /** A backend is down, or ejected. Whoever waits for calm waits anew, and nobody is sent away meanwhile. */
  lost(pool: Pool): void {
    if (this.#pools.has(pool)) this.gained(pool);
  }

  close(): void {
    for (const { timer } of this.#pools.values()) clearTimeout(timer);
    this.#pools.clear();
  }

  #lookIn(ms: number, pool: Pool, levelling: Levelling): void {
    levelling.timer = setTimeout(() => this.#look(pool, levelling), Math.max(ms, LOOK_MS));
    levelling.timer.unref();
  }

  #look(pool: Pool, levelling: Levelling): void {
    const { rebalance } = pool.settings;
    if (rebalance === undefined || !this.#host.isThere(pool)) {
      this.#stop(pool, 'it is not wanted any more');
      return;
    }
    const loads = this.#loadsOf(pool);
    // The loops of a large process may take longer: walks that are asked for meanwhile would pile up.
    if (loads.some(({ row }) => this.#host.tables.isSwept(row))) {
      this.#lookIn(0, pool, levelling);
      return;
    }
    if (levelling.sessions !== undefined) this.#count(pool, levelling);
    const { ends, beyond } = surplusOf(loads, levelling.sessions ?? 0, rebalance.perSecond);
    if (ends.length === 0) {
      this.#stop(pool, 'the load is level');
      return;
    }
    if (levelling.vainLooks >= VAIN_LOOKS) {
      this.#stop(pool, 'no session is at rest');
      return;
    }
    if (isInVain(levelling, beyond, loads.length)) {
      this.#stop(pool, 'the clients come back to where they were');
      return;
    }
    if (levelling.sessions === undefined) {
      levelling.sessions = sessionsOf(loads);
      levelling.counted = this.#countedOf(pool);
      this.#host.tell({ pool: pool.name, state: 'begun', ended: 0, reason: 'a backend has come' });
    }
    for (const { row, count } of ends) {
      this.#host.tables.endIdle(row, rebalance.idleMs, count);
    }
    this.#lookIn(levelling.vainLooks > 0 ? rebalance.idleMs : 0, pool, levelling);
  }

  /** What the loops have done since the last look. */
  #count(pool: Pool, levelling: Levelling): void {
    const counted = this.#countedOf(pool);
    // A backend that was removed takes its figures with it.
    const ended = Math.max(counted - levelling.counted, 0);
    levelling.counted = counted;
    levelling.ended += ended;
    levelling.nearest.looks += 1;
    levelling.nearest.ended += ended;
    levelling.vainLooks = ended > 0 ? 0 : levelling.vainLooks + 1;
  }

  #stop(pool: Pool, reason: string): void {
    const levelling = this.#pools.get(pool);
    if (levelling === undefined) return;
    clearTimeout(levelling.timer);
    this.#pools.delete(pool);
    if (levelling.sessions === undefined) return;
    this.#host.tell({ pool: pool.name, state: 'over', ended: levelling.ended, reason });
  }

  /** Those that new clients go to: of the first priority that has somebody who is up. */
  #loadsOf(pool: Pool): readonly Load[] {
    const open = pool.backends.filter(({ isReady, isUp }) => isReady && isUp);
    const first = Math.min(...open.map(({ priority }) => priority));
    return open
      .filter(({ priority }) => priority === first)
      .map(({ row, weight, maxSessions }) => ({
        row,
        weight,
        open: this.#host.counters.backend(row).open,
        most: maxSessions || Number.POSITIVE_INFINITY,
      }));
  }

  #countedOf(pool: Pool): number {
    const { counters } = this.#host;
    return pool.backends.reduce((sum, { row }) => sum + counters.backend(row).rebalanced, 0);
  }
}

/** Whether many sessions have ended, and the pool is no nearer to being level, as with a policy that sends clients where they were. */
function isInVain({ nearest }: Levelling, beyond: number, backends: number): boolean {
  if (beyond < nearest.beyond) {
    Object.assign(nearest, { beyond, looks: 0, ended: 0 });
    return false;
  }
  return nearest.looks >= VAIN_LOOKS && nearest.ended >= VAIN_ENDS * backends;
}
