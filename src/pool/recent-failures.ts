/** Backends that have failed lately: tried after the others, as `Walk` and `BackendRow` of the native core do. */
import type { Backend } from './backend.js';

/** Picks for one client at once. */
type PlannedPick = (tried: ReadonlySet<Backend>) => Backend | undefined;

/** One client finds out that a backend does not answer, and for so long no other has to. */
export const MOMENT_MS = 1000;

export class RecentFailures {
  readonly #now: () => number;
  readonly #failedAt = new Map<Backend, number>();

  /** @param now a clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** All addresses of the backend have just failed a client. */
  note(backend: Backend): void {
    if (backend.isGone) return;
    this.#failedAt.set(backend, this.#now());
  }

  /** It has answered, is to be found elsewhere, or is gone. */
  forget(backend: Backend): void {
    this.#failedAt.delete(backend);
  }

  /**
   * Picks as `pick` does, but those that have failed lately after all others. Once a moment such a backend is picked in
   * its turn, and finds out for all.
   */
  last(pick: PlannedPick): PlannedPick {
    return (tried) => {
      const first = pick(tried);
      if (first === undefined || !this.#isTriedLast(first)) return this.#picked(first);
      const recent = [...this.#failedAt.keys()].filter((backend) => this.#isTriedLast(backend));
      return this.#picked(pick(new Set([...tried, ...recent])) ?? first);
    };
  }

  #isTriedLast(backend: Backend): boolean {
    const failedAt = this.#failedAt.get(backend);
    return failedAt !== undefined && this.#now() < failedAt + MOMENT_MS;
  }

  #picked(backend: Backend | undefined): Backend | undefined {
    // Whether it answers is about to be known.
    if (backend !== undefined && this.#failedAt.has(backend)) this.note(backend);
    return backend;
  }
}
