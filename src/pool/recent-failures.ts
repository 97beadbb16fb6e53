/** Backends that have failed lately: tried after the others, as `Walk` and `BackendRow` of the native core do. */
import type { ClientPick } from '../policy/policy.js';

/** One client finds out that a backend does not answer, and for so long no other has to. */
const MOMENT_MS = 1000;

export class RecentFailures {
  readonly #now: () => number;
  readonly #failedAt = new Map<number, number>();

  /** @param now a clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** All addresses of the backend in this row have just failed a client. */
  note(row: number): void {
    this.#failedAt.set(row, this.#now());
  }

  /** It has answered, or is to be found elsewhere. */
  forget(row: number): void {
    this.#failedAt.delete(row);
  }

  /**
   * Picks as `pick` does, but those that have failed lately after all others. Once a moment such a backend is picked in
   * its turn, and finds out for all.
   */
  last(pick: ClientPick): ClientPick {
    return (tried) => {
      const first = pick(tried);
      if (first === undefined || !this.#isTriedLast(first)) return this.#picked(first);
      const recent = [...this.#failedAt.keys()].filter((row) => this.#isTriedLast(row));
      return this.#picked(pick(new Set([...tried, ...recent])) ?? first);
    };
  }

  #isTriedLast(row: number): boolean {
    const failedAt = this.#failedAt.get(row);
    return failedAt !== undefined && this.#now() < failedAt + MOMENT_MS;
  }

  #picked(row: number | undefined): number | undefined {
    // Whether it answers is about to be known.
    if (row !== undefined && this.#failedAt.has(row)) this.note(row);
    return row;
  }
}
