/** A time-out that lets what waits in the kernel come first. */

import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../timers.js';

/**
 * Node runs its timers before it asks the kernel what has come. A process that was stopped or frozen, or got no processor,
 * would be told that the time is over before it was told of what waits for it. So this one decides after that: an
 * immediate comes behind all that waits. It keeps no program alive.
 */
export class PatientTimer {
  #timer: NodeJS.Timeout | undefined;
  #decision: NodeJS.Immediate | undefined;

  /** Calls `then` once, unless it is cleared or begun anew. Whatever was started before is forgotten. */
  start(ms: number, then: () => void): void {
    this.clear();
    this.#timer = setTimeout(() => {
      this.#decision = setImmediate(then);
    }, ms).unref();
  }

  /** Begins the time anew, if it was started. */
  refresh(): void {
    clearImmediate(this.#decision);
    this.#timer?.refresh();
  }

  clear(): void {
    clearImmediate(this.#decision);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
