/** What is left to try for a client for whom the engine picks by itself, once it has tried every backend. */
import type { Pool, PoolBackend } from '../pool/pool.js';
import { waitAtMost } from '../pool/wait.js';
import type { ClientRoute } from './route.js';

/** For how long clients have been on their way who fail now. */
export interface CycleRouteOptions {
  /** When the first client can have come, on the clock of the pool. */
  readonly openedAt: number;
  /** For one address to answer; 0 is as long as the system allows. */
  readonly connectTimeoutMs: number;
  /** The engine has not tried any yet, and waits for a word. */
  readonly isNew?: boolean;
}

/**
 * The second round of `PoolRoute`, without knowing what the client was told in the first: names that have moved
 * since it can have come get one more try, and so do those that have an address only now. A client that met the new
 * address already pays for it with a second attempt.
 */
export class CycleRoute implements ClientRoute {
  readonly #pool: Pool;
  readonly #options: CycleRouteOptions;
  #isNew: boolean;
  #since = 0;
  #left: PoolBackend[] | undefined;

  constructor(pool: Pool, options: CycleRouteOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#isNew = options.isNew ?? false;
  }

  next(): 'by cycle' | undefined | Promise<number | undefined> {
    if (this.#isNew) {
      this.#isNew = false;
      return 'by cycle';
    }
    if (this.#left === undefined) {
      this.#left = this.#pool.backends.filter(({ isName }) => isName);
      this.#since = this.#earliestArrival();
    }
    return this.#left.length === 0 ? undefined : this.#search(this.#left);
  }

  /** The loops have picked for it. They remember who fails, and nobody counted here. */
  attemptFailed(): void {}
  end(): void {}

  async #search(left: PoolBackend[]): Promise<number | undefined> {
    for (let backend = left.shift(); backend !== undefined; backend = left.shift()) {
      const hasMoved = () => (backend?.movedAt ?? 0) > this.#since;
      if (!hasMoved()) await waitAtMost(backend.resolve(), this.#options.connectTimeoutMs);
      if (hasMoved()) return backend.row;
    }
    return undefined;
  }

  #earliestArrival(): number {
    const { openedAt, connectTimeoutMs } = this.#options;
    if (connectTimeoutMs === 0) return openedAt;
    const addresses = this.#pool.backends.reduce(
      (sum, backend) => sum + backend.addresses.length,
      0,
    );
    return Math.max(openedAt, this.#pool.now() - addresses * connectTimeoutMs);
  }
}
