/** How many checks are under way at once: each has a descriptor, which a silent server keeps until its time-out. */
import { now } from '../../timers.js';

/** The part of the descriptors of this process that checks may have: the rest is for sessions. */
const PART = 1 / 8;
/**
 * Enough for ten thousand backends that are asked every two seconds and take eight tenths of one to answer, and for as many of
 * which four in ten are silent.
 */
const MOST = 4096;
const FEWEST = 16;
/** Who has waited for so long is late in the eyes of an operator. */
const LATE_MS = 1000;

/** @param files open files that this process may have; `undefined` where nobody knows */
export function mostChecks(files = 1024): number {
  return Math.min(Math.max(Math.floor(files * PART), FEWEST), MOST);
}

interface Waiting {
  readonly begin: () => void;
  readonly since: number;
}

/** The turns of all checks of a proxy. Who asked first begins first, so that nobody waits for ever. */
export class CheckTurns {
  readonly #most: number;
  readonly #onLate: () => void;
  readonly #line = new Set<Waiting>();
  #running = 0;

  /**
   * @param most checks at once
   * @param onLate one begins that has waited for a second or longer
   */
  constructor(most: number, onLate: () => void) {
    this.#most = most;
    this.#onLate = onLate;
  }

  /**
   * Calls `begin` now, or when a place is free.
   *
   * @returns to be called when the check is over, or is not wanted any more
   */
  take(begin: () => void): () => void {
    const waiting = { begin, since: now() };
    let isOver = false;
    this.#line.add(waiting);
    this.#go();
    return () => {
      if (isOver) return;
      isOver = true;
      if (this.#line.delete(waiting)) return;
      this.#running -= 1;
      this.#go();
    };
  }

  #go(): void {
    for (const waiting of this.#line) {
      if (this.#running >= this.#most) return;
      this.#line.delete(waiting);
      this.#running += 1;
      if (now() - waiting.since >= LATE_MS) this.#onLate();
      waiting.begin();
    }
  }
}
