/** Who of one pool is ejected, and whether one more may be. */
import type { Backend } from '../backend.js';
import { LookRound } from '../look-round.js';

/** Where it was found that none may be ejected, it is not looked again for so long: each look is at the whole pool then. */
const DENIED_MS = 100;

export class PoolEjections {
  readonly #ejected = new Set<Backend>();
  readonly #round = new LookRound();
  #deniedAt = Number.NEGATIVE_INFINITY;

  /** Those that are ejected now. */
  get all(): readonly Backend[] {
    return [...this.#ejected];
  }

  add(backend: Backend): void {
    this.#ejected.add(backend);
  }

  delete(backend: Backend): void {
    this.#ejected.delete(backend);
  }

  /**
   * Whether one more may be ejected: half of the pool at most, and never the last one.
   *
   * @param serves whether clients are sent to a backend, and it does not fail them all
   */
  mayEject(backend: Backend, pool: Backends, serves: (other: Backend) => boolean): boolean {
    if (2 * (this.#ejected.size + 1) > pool.backends.length) return false;
    return this.#round.finds(1, pool, (other) => other !== backend && serves(other));
  }

  isAnyLeft(pool: Backends, serves: (backend: Backend) => boolean): boolean {
    return this.#round.finds(1, pool, serves);
  }

  deny(now: number): void {
    this.#deniedAt = now;
  }

  wereJustDenied(now: number): boolean {
    return now - this.#deniedAt < DENIED_MS;
  }
}

interface Backends {
  readonly backends: readonly Backend[];
}
