/** What is left to try for a client for whom the engine picks by itself, once it has tried every backend. */
import type { NextHop, QueueWord } from '../engine/engine.js';
import type { CloseReason, QueueRefusal } from '../model/close-reason.js';
import type { Client } from '../policy/pick-function.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { waitAtMost } from '../pool/wait.js';
import { type ClientRoute, policyRoute } from './route.js';

/** For how long clients have been on their way who fail now. */
export interface CycleRouteOptions {
  /** When the first client can have come, on the clock of the pool. */
  readonly openedAt: number;
  /** The engine has not tried any yet, and waits for a word. */
  readonly isNew?: boolean;
  readonly client: Client;
  /** That of the client's listener by now. */
  poolNow(): Pool;
}

/**
 * The second round of `PoolRoute`, without knowing what the client was told in the first: names that have moved
 * since it can have come get one more try, and so do those that have an address only now. A client that met the new
 * address already pays for it with a second attempt.
 *
 * Where a function has become the policy meanwhile, it is asked.
 */
export class CycleRoute implements ClientRoute {
  readonly #pool: Pool;
  readonly #options: CycleRouteOptions;
  #isNew: boolean;
  #since = 0;
  #left: Backend[] | undefined;
  #refusal: QueueRefusal | undefined;
  /** That it goes on by. */
  #onward: ClientRoute | undefined;

  constructor(pool: Pool, options: CycleRouteOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#isNew = options.isNew ?? false;
  }

  get pool(): number {
    return this.#onward?.pool ?? this.#pool.number;
  }

  get refusal(): QueueRefusal | undefined {
    return this.#onward?.refusal ?? this.#refusal;
  }

  get failure(): Error | undefined {
    return this.#onward?.failure;
  }

  /** The loops have it wait by themselves, and ask no more where that was in vain. */
  next(word?: QueueWord): NextHop | Promise<NextHop> {
    if (this.#onward !== undefined) return this.#onward.next(word);
    if (word === 'full' || word === 'timeout') {
      this.#refusal = word;
      this.#pool.onRefused(word);
      return undefined;
    }
    if (this.#isNew) {
      this.#isNew = false;
      return 'by cycle';
    }
    const pool = this.#options.poolNow();
    if (!pool.hasCycle) return this.#goOnByFunction(pool);
    if (this.#left === undefined) {
      this.#left = this.#pool.backends.filter(
        ({ isName, isReady, isUp }) => isName && isReady && isUp,
      );
      this.#since = this.#earliestArrival();
    }
    return this.#left.length === 0 ? undefined : this.#search(this.#left);
  }

  /** Where the loops have picked for it, they remember who fails, and nobody counted here. */
  attemptFailed(): void {
    this.#onward?.attemptFailed();
  }

  lacked(): void {
    this.#onward?.lacked();
  }

  end(reason: CloseReason): void {
    this.#onward?.end(reason);
  }

  /** It may have waited in the queue, where its place is kept. Then the function is asked when it is its turn. */
  #goOnByFunction(pool: Pool): NextHop | Promise<NextHop> {
    const { client, listener } = this.#options.client;
    this.#onward = policyRoute(pool, client, listener);
    const mayWait = pool.backends.length > 0 && pool.settings.limits.queueLength > 0;
    return mayWait ? 'queue' : this.#onward.next();
  }

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
