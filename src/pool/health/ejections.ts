/** Backends of a pool that have failed clients, one after the other: they are left out for a while. */
import type { Counters } from '../../engine/counters.js';

/** When backends are left out, and for how long. The words are those of Envoy's outlier detection. */
export interface EjectionSettings {
  /** Clients that it has failed, one after the other. */
  readonly failures: number;
  /** The first time; each that follows is twice as long. */
  readonly timeMs: number;
  /** No less than that. */
  readonly maxTimeMs: number;
  /** A session that it ends within this time, without a byte, is one that it has failed; 0 is off. */
  readonly earlyResetMs: number;
}

/** What has come of one backend so far. */
export class Ejection {
  /** On the clock of the pool; `undefined` while it is not ejected. */
  #until: number | undefined;
  #lastMs = 0;
  #endedAt = Number.NEGATIVE_INFINITY;
  #count = 0;
  /** The counters, when the failures in a row began. */
  #opened = 0;
  #failed = 0;

  /** How often it was ejected. */
  get count(): number {
    return this.#count;
  }

  get until(): number | undefined {
    return this.#until;
  }

  /** From now on failures are counted anew. */
  countFrom({ opened, failed }: Figures): void {
    this.#opened = opened;
    this.#failed = failed;
  }

  /**
   * Failures in a row, after one more. Where a session was opened between two looks, those before the newest are not known to
   * have followed it: one that may have to go stays rather than one that should stay goes.
   */
  inARow({ opened, failed }: Figures): number {
    if (opened !== this.#opened) this.countFrom({ opened, failed: failed - 1 });
    return failed - this.#failed;
  }

  /** Failures in a row, where none is known to be new: none, where a session was opened since. */
  since({ opened, failed }: Figures): number {
    return opened === this.#opened ? failed - this.#failed : 0;
  }

  /** @returns for how long, in milliseconds */
  begin(now: number, { timeMs, maxTimeMs }: EjectionSettings): number {
    // After a time without trouble that is as long as the last one, it begins with the shortest.
    const isAgain = now - this.#endedAt < this.#lastMs;
    this.#lastMs = Math.min(isAgain ? this.#lastMs * 2 : timeMs, maxTimeMs);
    this.#until = now + this.#lastMs;
    this.#count += 1;
    return this.#lastMs;
  }

  /** It stays out: its checks fail. @returns for how long */
  prolong(now: number): number {
    this.#until = now + this.#lastMs;
    return this.#lastMs;
  }

  end(now: number): void {
    this.#until = undefined;
    this.#endedAt = now;
  }
}

type Figures = Pick<ReturnType<Counters['backend']>, 'opened' | 'failed'>;
