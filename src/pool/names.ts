/** When names of backends are looked up, besides when a client has failed. */
import { clearTimeout, setTimeout } from '../timers.js';
import { type Backend, LOOKUP_PAUSE_MS } from './backend.js';
import { waitAtMost } from './wait.js';

/** How much the time between two looks at names varies, so that many balancers do not ask at once. */
const REFRESH_JITTER = 0.1;

/** The backends that have a name, of all pools. */
export class Names {
  readonly #everyMs: number;
  readonly #searches: boolean;
  readonly #backends = new Set<Backend>();
  /** Those whose turn it still is in this round. */
  #round: Backend[] = [];
  #searching: NodeJS.Timeout | undefined;
  #refreshing: NodeJS.Timeout | undefined;
  #isClosed = false;

  /**
   * @param everyMs from one lookup of a name to the next, to follow those that move while their old address still answers;
   *   0 is never
   * @param searches whether clients pass a backend without an address over without a word, so that nobody else would look
   *   for it
   */
  constructor(everyMs: number, searches: boolean) {
    this.#everyMs = everyMs;
    this.#searches = searches;
  }

  /** From now on they are looked up. */
  watch(backends: readonly Backend[]): void {
    for (const backend of backends) if (backend.isName) this.#backends.add(backend);
    this.#search();
    this.#refresh();
  }

  forget(backend: Backend): void {
    this.#backends.delete(backend);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#searching);
    clearTimeout(this.#refreshing);
  }

  /** Looks up in the background, until each is found, the names that have no address. */
  #search(): void {
    if (!this.#searches || this.#isClosed || this.#searching !== undefined) return;
    const missing = [...this.#backends].filter(({ addresses }) => addresses.length === 0);
    if (missing.length === 0) return;
    for (const backend of missing) void backend.resolve();
    this.#searching = setTimeout(() => {
      this.#searching = undefined;
      this.#search();
    }, LOOKUP_PAUSE_MS);
    this.#searching.unref();
  }

  /** Names take turns, so there is one timer, and seldom more than one lookup at a time. */
  #refresh(): void {
    if (this.#everyMs === 0 || this.#isClosed || this.#refreshing !== undefined) return;
    if (this.#backends.size === 0) return;
    const jitter = 1 + REFRESH_JITTER * (2 * Math.random() - 1);
    this.#refreshing = setTimeout(
      () => {
        this.#refreshing = undefined;
        void this.#nextInTurn()?.resolve(true);
        this.#refresh();
      },
      (this.#everyMs / this.#backends.size) * jitter,
    );
    this.#refreshing.unref();
  }

  #nextInTurn(): Backend | undefined {
    if (this.#round.length === 0) this.#round = [...this.#backends].reverse();
    let next = this.#round.pop();
    while (next !== undefined && !this.#backends.has(next)) next = this.#round.pop();
    return next;
  }
}

/**
 * Resolves every name for the first time. Names that do not resolve are reported, and that is all.
 *
 * @param limitMs how long to wait for the resolver; 0 is no limit
 * @returns backends whose name the resolver has not answered for; their lookups go on
 */
export async function resolveAll(
  backends: readonly Backend[],
  limitMs: number,
): Promise<readonly Backend[]> {
  await waitAtMost(Promise.all(backends.map((backend) => backend.resolve())), limitMs);
  return backends.filter(({ isName, generation }) => isName && generation === 0);
}
