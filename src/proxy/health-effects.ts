/** What a change of a backend's health means for its sessions, and for those of the others. */
import { isDeepStrictEqual } from 'node:util';
import type { Counters } from '../engine/counters.js';
import type { EngineTables } from '../engine/tables.js';
import type { Backend } from '../pool/backend.js';
import type { HealthChange } from '../pool/health/health-watch.js';
import { LookRound } from '../pool/look-round.js';
import type { Pool, PoolSettings } from '../pool/pool.js';
import { SlowStarts } from '../pool/slow-start.js';
import { now, setTimeout } from '../timers.js';
import type { Departures } from './departures.js';

/** Between two selections of a pool that changes of health are the reason of. */
const RESELECT_MS = 100;

export interface HealthEffectsHost {
  readonly tables: EngineTables;
  readonly counters: Counters;
  readonly departures: Departures;
  /** `undefined` where it is gone. */
  poolOf(backend: Backend): Pool | undefined;
  /** Tells the engine whether a backend takes sessions. */
  tell(backend: Backend): void;
  /** New sessions go to one backend more. */
  gained(pool: Pool): void;
  /** New sessions go to one backend less. */
  lost(pool: Pool): void;
  /** Has a pool pick by who is up now. */
  select(pool: Pool): void;
}

export class HealthEffects {
  readonly #host: HealthEffectsHost;
  readonly #slowStarts = new SlowStarts((backend) => this.#selectSoon(backend, false));
  /** Those that were not there at the start, or were away since. */
  readonly #late = new WeakSet<Backend>();
  /** Pools whose selection is about to be made anew, and when it was the last time. */
  readonly #reselected = new Set<Pool>();
  /** Those of them that are selected at the end of this turn. */
  readonly #queued = new Set<Pool>();
  readonly #selectedAt = new WeakMap<Pool, number>();
  readonly #lookRounds = new WeakMap<Pool, LookRound>();
  /** What lets the sessions of backends that are down go on after all. */
  readonly #downs = new Map<Backend, () => void>();
  #isClosed = false;

  constructor(host: HealthEffectsHost) {
    this.#host = host;
  }

  /** The engine is told at once, and nothing is published. */
  changed({ backend, from, to, isBack }: HealthChange): void {
    if (backend.isGone) return;
    this.#host.tell(backend);
    // One that was there at the start, and is found to work, is as new as the others are.
    if (isBack && (from !== 'checking' || this.#late.has(backend))) this.begin(backend);
    this.#selectSoon(backend, backend.isUp);
    this.#letGoOn(backend);
    const pool = this.#host.poolOf(backend);
    if (!isBack && pool !== undefined) this.#host.lost(pool);
    if (to === 'down') this.#endSessions(backend, pool?.settings.onDown ?? 'keep');
  }

  /** It is new, or back: its share grows, where its pool has a slow start, from when it takes sessions. */
  begin(backend: Backend): void {
    this.#late.add(backend);
    if (!backend.isUp) return;
    const pool = this.#host.poolOf(backend);
    this.#slowStarts.begin(backend, pool?.settings.slowStartMs ?? 0);
    if (pool !== undefined) this.#host.gained(pool);
  }

  /** What is under way goes on as the settings of its pool say now. To be called before the pool is selected anew. */
  configured({ backends, settings }: Pool, before: PoolSettings): void {
    if (before.slowStartMs !== settings.slowStartMs) {
      for (const backend of backends) this.#slowStarts.pace(backend, settings.slowStartMs);
    }
    if (isDeepStrictEqual(before.onDown, settings.onDown)) return;
    for (const backend of backends) {
      if (backend.health !== 'down') continue;
      this.#letGoOn(backend);
      this.#endSessions(backend, settings.onDown);
    }
  }

  /** It was taken out of its pool. */
  forget(backend: Backend): void {
    this.#slowStarts.stop(backend);
    this.#letGoOn(backend);
  }

  close(): void {
    this.#isClosed = true;
    this.#slowStarts.close();
  }

  /**
   * Loops pass over who is not up, and its share would go to who follows it: without it, each gets its own part. Of
   * thousands that change soon after each other, not each is a reason to begin anew.
   *
   * @param takesSessions whether that is what has changed
   */
  #selectSoon(backend: Backend, takesSessions: boolean): void {
    const pool = this.#host.poolOf(backend);
    if (pool === undefined || this.#queued.has(pool)) return;
    // Where it is the only one, or clients wait for a place, it is not to be waited for.
    const areTwoUp = () =>
      this.#lookRoundOf(pool).finds(2, pool, ({ isReady, isUp }) => isReady && isUp);
    const isUrgent = (takesSessions && pool.waiting > 0) || !areTwoUp();
    if (this.#reselected.has(pool) && !isUrgent) return;
    this.#reselected.add(pool);
    const since = now() - (this.#selectedAt.get(pool) ?? Number.NEGATIVE_INFINITY);
    const select = () => {
      this.#reselected.delete(pool);
      this.#queued.delete(pool);
      this.#selectedAt.set(pool, now());
      if (!this.#isClosed && this.#host.poolOf(backend) === pool) this.#host.select(pool);
    };
    if (isUrgent || since >= RESELECT_MS) {
      this.#queued.add(pool);
      queueMicrotask(select);
    } else setTimeout(select, RESELECT_MS).unref();
  }

  #lookRoundOf(pool: Pool): LookRound {
    const known = this.#lookRounds.get(pool);
    if (known !== undefined) return known;
    const made = new LookRound();
    this.#lookRounds.set(pool, made);
    return made;
  }

  /** As `onDown` says, unless it is up again before. */
  #endSessions(backend: Backend, onDown: PoolSettings['onDown']): void {
    if (onDown === 'keep') return;
    const { tables, counters, departures } = this.#host;
    const { row } = backend;
    const callOff = departures.add(
      {
        sessions: { backend: row },
        isVacant: () => tables.isBackendVacant(row),
        open: () => counters.backend(row).open,
        onVacant: () => this.#downs.delete(backend),
      },
      onDown,
    );
    this.#downs.set(backend, callOff);
  }

  #letGoOn(backend: Backend): void {
    this.#downs.get(backend)?.();
    this.#downs.delete(backend);
  }
}
