/** Looks after the health of the backends of all pools. */
import type { Counters } from '../../engine/counters.js';
import type { HealthConfig } from '../../model/health.js';
import type { HealthStatus } from '../../model/health-status.js';
import { clearTimeout, now, setTimeout } from '../../timers.js';
import type { Backend } from '../backend.js';
import type { Pool } from '../pool.js';
import { Checker } from './checker.js';
import type { Check } from './checks/check.js';
import { mayEject } from './ejections.js';

/** One backend is another in the eyes of whoever looks after it. */
export interface HealthChange {
  readonly backend: Backend;
  readonly from: HealthStatus;
  readonly to: HealthStatus;
  /** In words for people. */
  readonly reason: string;
}

export interface HealthWatchHost {
  readonly counters: Counters;
  createCheck(config: HealthConfig): Check;
  /** `backend.health` is another. */
  onChanged(change: HealthChange): void;
}

interface Watched {
  readonly backend: Backend;
  pool: Pool;
  /** What the last attempt of this turn came to. */
  failedWith?: string | undefined;
  checker?: Checker | undefined;
  /** Until its ejection is over. */
  timer?: NodeJS.Timeout | undefined;
}

export class HealthWatch {
  readonly #host: HealthWatchHost;
  readonly #watched = new Map<Backend, Watched>();
  #isClosed = false;

  constructor(host: HealthWatchHost) {
    this.#host = host;
  }

  /** To be called when a pool, its settings or its backends are new. */
  watch(pool: Pool): void {
    if (this.#isClosed) return;
    const { health } = pool.settings;
    const check = health === undefined ? undefined : this.#host.createCheck(health);
    const { backends } = pool;
    for (const [index, backend] of backends.entries()) {
      const isNew = !this.#watched.has(backend);
      const watched: Watched = this.#watched.get(backend) ?? { backend, pool };
      this.#watched.set(backend, watched);
      watched.pool = pool;
      if (isNew) backend.condition.ejection.countFrom(this.#host.counters.backend(backend.row));
      if (!backend.condition.configure(health)) continue;
      // Spread over an interval, so that they do not all come at once, now and ever after.
      const firstMs = ((health?.intervalMs ?? 0) * index) / backends.length;
      this.#check(watched, health, check, firstMs);
      if (isNew) backend.condition.begin(backend.health);
      else
        this.#settle(
          watched,
          health === undefined ? 'it is not checked any more' : 'its checks changed',
        );
    }
  }

  /** The backend is in no pool any more. */
  forget(backend: Backend): void {
    const watched = this.#watched.get(backend);
    if (watched === undefined) return;
    this.#watched.delete(backend);
    watched.checker?.stop();
    clearTimeout(watched.timer);
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
      backend.override.health === undefined ? 'no longer set by hand' : 'set by hand',
    );
    this.#readmitIfNobodyIsLeft(watched.pool);
  }

  /** A client could not reach one of its addresses. @param code of the system */
  attemptFailed(backend: Backend, code: string): void {
    const watched = this.#watched.get(backend);
    if (watched?.pool.settings.ejection === undefined) return;
    // At the end of this turn the counters have it, and all that others say of it.
    if (watched.failedWith === undefined) queueMicrotask(() => this.#eject(watched));
    watched.failedWith = code;
  }

  #eject(watched: Watched): void {
    const { backend, failedWith: code } = watched;
    watched.failedWith = undefined;
    const { ejection } = watched.pool.settings;
    if (ejection === undefined || !this.#watched.has(backend)) return;
    if (!backend.isUp || backend.override.health !== undefined) return;
    const own = backend.condition.ejection;
    const failures = own.inARow(this.#host.counters.backend(backend.row));
    if (failures < ejection.failures || !mayEject(backend, watched.pool.backends)) return;
    const ms = own.begin(now(), ejection);
    this.#settle(watched, `connect failed ×${failures} (${code}); for ${ms / 1000} s`);
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
        onReport: (report) => {
          const { checks } = backend.condition;
          const reason = checks?.note(report, config);
          if (reason !== undefined) this.#settle(watched, reason);
          return checks?.isInTransition ?? false;
        },
      },
      firstMs,
    );
  }

  #readmitAfter(watched: Watched, ms: number): void {
    watched.timer = setTimeout(() => {
      const { condition } = watched.backend;
      if (condition.checks?.isFailing === true) {
        this.#readmitAfter(watched, condition.ejection.prolong(now()));
      } else {
        this.#readmit(watched, `its ejection is over`);
      }
    }, ms).unref();
  }

  #readmit(watched: Watched, reason: string): void {
    clearTimeout(watched.timer);
    const { backend } = watched;
    backend.condition.ejection.end(now());
    backend.condition.ejection.countFrom(this.#host.counters.backend(backend.row));
    this.#settle(watched, reason);
  }

  /** Those that are ejected may answer after all; nobody else does. */
  #readmitIfNobodyIsLeft({ backends }: Pool): void {
    if (backends.some(({ isReady, isUp }) => isReady && isUp)) return;
    for (const backend of backends) {
      const watched = this.#watched.get(backend);
      if (watched !== undefined && backend.condition.ejection.until !== undefined) {
        this.#readmit(watched, 'no other backend is left');
      }
    }
  }

  #settle(watched: Watched, reason: string): void {
    const { backend, pool } = watched;
    const { condition, health: to } = backend;
    const from = condition.told;
    if (from === to) return;
    condition.tell(to, reason);
    this.#host.onChanged({ backend, from, to, reason });
    if (!backend.isUp) this.#readmitIfNobodyIsLeft(pool);
  }
}
