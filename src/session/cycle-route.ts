/** What is left to try for a client for whom the engine picks by itself, once it has tried every backend. */
import type { QueueWord } from '../engine/engine.js';
import type { QueueRefusal } from '../model/close-reason.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { waitAtMost } from '../pool/wait.js';
import type { ClientRoute } from './route.js';

/** For how long clients have been on their way who fail now. */
export interface CycleRouteOptions {
  /** When the first client can have come, on the clock of the pool. */
  readonly openedAt: number;
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
  #left: Backend[] | undefined;
  #refusal: QueueRefusal | undefined;

  constructor(pool: Pool, options: CycleRouteOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#isNew = options.isNew ?? false;
  }

  get pool(): number {
    return this.#pool.number;
  }

  get refusal(): QueueRefusal | undefined {
    return this.#refusal;
  }

  /** The loops have it wait by themselves, and ask no more where that was in vain. */
  next(word?: QueueWord): 'by cycle' | undefined | Promise<number | undefined> {
    if (word === 'full' || word === 'timeout') {
      this.#refusal = word;
      this.#pool.onRefused(word);
      return undefined;
    }
    if (this.#isNew) {
      this.#isNew = false;
      return 'by cycle';
    }
    if (this.#left === undefined) {
      this.#left = this.#pool.backends.filter(
        ({ isName, isReady, isUp }) => isName && isReady && isUp,
      );
      this.#since = this.#earliestArrival();
    }
    return this.#left.length === 0 ? undefined : this.#search(this.#left);
  }

  /** The loops have picked for it. They remember who fails, and nobody counted here. */
  attemptFailed(): void {}
  lacked(): void {}
  end(): void {}

  async #search(left: Backend[]): Promise<number | undefined> {
    for (let backend = left.shift(); backend !== undefined; backend = left.shift()) {
      const hasMoved = () => (backend?.movedAt ?? 0) > this.#since;
      if (!hasMoved()) await waitAtMost(backend.resolve(), this.#pool.settings.connectMs);
      if (hasMoved() && backend.isReady && backend.isUp) return backend.row;
    }
    return undefined;
  }

  #earliestArrival(): number {
    const { openedAt } = this.#options;
    const { connectMs } = this.#pool.settings;
    if (connectMs === 0) return openedAt;
    const addresses = this.#pool.backends.reduce(
      (sum, backend) => sum + backend.addresses.length,
      0,
    );
    return Math.max(openedAt, this.#pool.now() - addresses * connectMs);
  }
}
