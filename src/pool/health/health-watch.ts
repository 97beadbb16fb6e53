/** Looks after the health of the backends of all pools. */
import type { Counters } from '../../engine/counters.js';
import type { EngineTables } from '../../engine/tables.js';
import type { HealthConfig } from '../../model/health.js';
import type { HealthStatus } from '../../model/health-status.js';
import { clearTimeout, now, setTimeout } from '../../timers.js';
import type { Backend } from '../backend.js';
import type { Pool } from '../pool.js';
import type { CheckTurns } from './check-turns.js';
import { Checker } from './checker.js';
import type { Check } from './checks/check.js';
import type { EjectionSettings } from './ejections.js';
import { PoolEjections } from './pool-ejections.js';

/** Errors of the system that are this machine's: no descriptor, no memory, no local port. */
const LOCAL = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL']);

/** Why its health is what it is, where an operator has said so. */
const BY_HAND = 'set by hand';

/** One backend is another in the eyes of whoever looks after it. */
export interface HealthChange {
  readonly backend: Backend;
  readonly from: HealthStatus;
  readonly to: HealthStatus;
  /** In words for people. */
  readonly reason: string;
  /** Whether it takes sessions that it did not take before. */
  readonly isBack: boolean;
}

export interface HealthWatchHost {
  readonly counters: Counters;
  readonly tables: Pick<EngineTables, 'earlyResets' | 'forgetEarlyResets'>;
  createCheck(config: HealthConfig): Check;
  readonly turns: CheckTurns;
  /** `backend.health` is another. */
  onChanged(change: HealthChange): void;
}

interface Watched {
  readonly backend: Backend;
  pool: Pool;
  /** What the last attempt of this turn came to. */
  failedWith?: string | undefined;
  /** It is looked at, at the end of this turn. */
  isSuspect?: boolean;
  checker?: Checker | undefined;
  /** Until its ejection is over. */
  timer?: NodeJS.Timeout | undefined;
}

export class HealthWatch {
  readonly #host: HealthWatchHost;
  readonly #watched = new Map<Backend, Watched>();
  readonly #pools = new WeakMap<Pool, PoolEjections>();
  /** Changes that are told of later. */
  #held: HealthChange[] | undefined;
  #isClosed = false;

  constructor(host: HealthWatchHost) {
    this.#host = host;
  }

  /**
   * To be called when a pool, its settings or its backends are new, before the engine is told. Whoever listens hears of it
   * when the change is done.
   */
  watch(pool: Pool): void {
    if (this.#isClosed) return;
    const { health, ejection } = pool.settings;
    const check = health === undefined ? undefined : this.#host.createCheck(health);
    const { backends } = pool;
    const changes: HealthChange[] = [];
    this.#held = changes;
    for (const [index, backend] of backends.entries()) {
      const isNew = !this.#watched.has(backend);
      const watched: Watched = this.#watched.get(backend) ?? { backend, pool };
      this.#watched.set(backend, watched);
      watched.pool = pool;
      const isOther = backend.condition.configure(health, isNew);
      // Spread over an interval, so that they do not all come at once, now and ever after.
      const firstMs = ((health?.intervalMs ?? 0) * index) / backends.length;
      if (isOther) this.#check(watched, health, check, firstMs);
      if (isNew) {
        this.#forgive(watched);
        // Nobody is told of how it begins.
        const reason = backend.override.health === undefined ? '' : BY_HAND;
        backend.condition.tell(backend.health, backend.isUp, reason);
      } else if (isOther) {
        const what = health === undefined ? 'it is not checked any more' : 'its checks changed';
        this.#settle(watched, what);
      }
      if (ejection === undefined && backend.condition.ejection.until !== undefined) {
        this.#readmit(watched, 'none is ejected any more');
      }
    }
    this.#readmitIfNobodyIsLeft(pool);
    this.#held = undefined;
    if (changes.length === 0) return;
    queueMicrotask(() => {
      for (const change of changes) if (!this.#isClosed) this.#host.onChanged(change);
    });
  }

  /** The backend is in no pool any more. */
  forget(backend: Backend): void {
    const watched = this.#watched.get(backend);
    if (watched === undefined) return;
    this.#watched.delete(backend);
    this.#ejectionsOf(watched.pool).delete(backend);
    watched.checker?.stop();
    clearTimeout(watched.timer);
    backend.condition.end();
  }

  close(): void {
    this.#isClosed = true;
    for (const backend of [...this.#watched.keys()]) this.forget(backend);
  }

  /** To be called after an operator has said something else of it. */
  overridden(backend: Backend): void {
    const watched = this.#watched.get(backend);
    if (watched === undefined) return;
    const { health } = watched.pool.settings;
    const isChecked = watched.checker !== undefined;
    if (backend.state === 'maintenance' && isChecked) {
      watched.checker?.stop();
      watched.checker = undefined;
      backend.condition.forget();
    } else if (backend.state !== 'maintenance' && !isChecked && health !== undefined) {
      this.#check(watched, health, this.#host.createCheck(health), 0);
    }
    this.#settle(
      watched,
      backend.override.health === undefined ? 'no longer set by hand' : BY_HAND,
    );
    this.#readmitIfNobodyIsLeft(watched.pool);
  }

  /** A client could not reach one of its addresses. @param code of the system */
  attemptFailed(backend: Backend, code: string): void {
    const watched = this.#watched.get(backend);
    if (watched === undefined) return;
    this.#suspect(watched);
    watched.failedWith = code;
  }

  /** It has ended sessions early, without a byte. */
  earlyReset(backend: Backend): void {
    const watched = this.#watched.get(backend);
    if (watched !== undefined) this.#suspect(watched);
  }

  /** At the end of this turn the counters have it, and all that others say of it. */
  #suspect(watched: Watched): void {
    if (watched.isSuspect === true) return;
    watched.isSuspect = true;
    queueMicrotask(() => this.#eject(watched));
  }

  #eject(watched: Watched): void {
    const { backend, failedWith: code } = watched;
    watched.failedWith = undefined;
    watched.isSuspect = false;
    const { ejection } = watched.pool.settings;
    if (ejection === undefined || !this.#watched.has(backend)) return;
    if (!backend.isUp || backend.override.health !== undefined) return;
    const own = backend.condition.ejection;
    const figures = this.#host.counters.backend(backend.row);
    // What this machine is short of says nothing of the backend.
    if (LOCAL.has(code ?? '')) own.countFrom(figures);
    const unreached = code === undefined ? own.since(figures) : own.inARow(figures);
    const reset = this.#host.tables.earlyResets(backend.row);
    if (unreached + reset < ejection.failures) return;
    const ofPool = this.#ejectionsOf(watched.pool);
    if (ofPool.wereJustDenied(now())) return;
    const serves = (other: Backend) => this.#serves(other, ejection);
    if (!ofPool.mayEject(backend, watched.pool, serves)) {
      ofPool.deny(now());
      this.#readmitIfNobodyIsLeft(watched.pool);
      return;
    }
    ofPool.add(backend);
    const ms = own.begin(now(), ejection);
    const failures = [
      ...(unreached > 0
        ? [`connect failed ×${unreached}${code === undefined ? '' : ` (${code})`}`]
        : []),
      ...(reset > 0 ? [`reset ×${reset} within ${ejection.earlyResetMs / 1000} s`] : []),
    ];
    this.#settle(watched, `${failures.join(', ')}; for ${ms / 1000} s`);
    this.#readmitAfter(watched, ms);
  }

  #check(
    watched: Watched,
    config: HealthConfig | undefined,
    check: Check | undefined,
    firstMs: number,
  ): void {
    watched.checker?.stop();
    watched.checker = undefined;
    const { backend } = watched;
    if (config === undefined || check === undefined || backend.state === 'maintenance') return;
    watched.checker = new Checker(
      backend,
      {
        config,
        check,
        turns: this.#host.turns,
        from: () => watched.pool.settings.from,
        onReport: (report) => {
          const reason = backend.condition.note(report, config);
          if (reason !== undefined) this.#answered(watched, reason);
          return backend.condition.checks?.isInTransition ?? false;
        },
      },
      firstMs,
    );
  }

  /** Its checks have come to something else. Where they find it up, it need not wait for the end of its ejection. */
  #answered(watched: Watched, reason: string): void {
    const { checks, ejection } = watched.backend.condition;
    const isProven = checks?.status === 'up' && ejection.until !== undefined;
    if (isProven) this.#forgive(watched);
    if (isProven) this.#readmit(watched, reason);
    else this.#settle(watched, reason);
  }

  #readmitAfter(watched: Watched, ms: number): void {
    watched.timer = setTimeout(() => {
      const { condition } = watched.backend;
      if (condition.checks?.isFailing === true) {
        this.#readmitAfter(watched, condition.ejection.prolong(now()));
      } else {
        this.#forgive(watched);
        this.#readmit(watched, 'its ejection is over');
      }
    }, ms).unref();
  }

  #readmit(watched: Watched, reason: string): void {
    clearTimeout(watched.timer);
    const { backend } = watched;
    backend.condition.ejection.end(now());
    this.#ejectionsOf(watched.pool).delete(backend);
    this.#settle(watched, reason);
  }

  /** It begins anew, as one that has not failed. */
  #forgive({ backend }: Watched): void {
    backend.condition.ejection.countFrom(this.#host.counters.backend(backend.row));
    this.#host.tables.forgetEarlyResets(backend.row);
  }

  /** Those that are ejected may answer after all: of the others nobody serves. */
  #readmitIfNobodyIsLeft(pool: Pool): void {
    const ejections = this.#ejectionsOf(pool);
    const { ejection } = pool.settings;
    if (ejections.isAnyLeft(pool, (backend) => this.#serves(backend, ejection))) return;
    for (const backend of ejections.all) {
      const watched = this.#watched.get(backend);
      // Not forgiven: else those that fail would be ejected by turns, again and again.
      if (watched !== undefined) this.#readmit(watched, 'no other backend is left');
    }
  }

  #ejectionsOf(pool: Pool): PoolEjections {
    const known = this.#pools.get(pool);
    if (known !== undefined) return known;
    const made = new PoolEjections();
    this.#pools.set(pool, made);
    return made;
  }

  /** Whether clients are sent to it, and it does not fail them all. */
  #serves(backend: Backend, limits: EjectionSettings | undefined): boolean {
    if (!backend.isReady || !backend.isUp) return false;
    if (limits === undefined) return true;
    const unreached = backend.condition.ejection.since(this.#host.counters.backend(backend.row));
    return unreached + this.#host.tables.earlyResets(backend.row) < limits.failures;
  }

  #settle(watched: Watched, reason: string): void {
    const { backend, pool } = watched;
    const { condition, health: to } = backend;
    const from = condition.told;
    if (from === to) {
      if (condition.toldUp !== backend.isUp) condition.noteUp(backend.isUp);
      return;
    }
    const isBack = backend.isUp && !condition.toldUp;
    condition.tell(to, backend.isUp, reason);
    const change = { backend, from, to, reason, isBack };
    if (this.#held === undefined) this.#host.onChanged(change);
    else this.#held.push(change);
    if (!backend.isUp) this.#readmitIfNobodyIsLeft(pool);
  }
}
