import { now } from '../../timers.js';
import { PatientTimer } from '../patient-timer.js';

/** The time that a search may take, which stands still while the client waits in a queue. */
export class SearchBudget {
  readonly #timer = new PatientTimer();
  readonly #onUsedUp: () => void;
  #leftMs: number;
  /** When it was begun, or went on. */
  #since: number | undefined;

  /** @param ms 0 is any time */
  constructor(ms: number, onUsedUp: () => void) {
    this.#leftMs = ms === 0 ? Number.POSITIVE_INFINITY : ms;
    this.#onUsedUp = onUsedUp;
  }

  /** Begins it, or has it go on. Does nothing where it runs. */
  run(): void {
    if (this.#since !== undefined) return;
    this.#since = now();
    if (this.#leftMs < Number.POSITIVE_INFINITY) this.#timer.start(this.#leftMs, this.#onUsedUp);
  }

  stop(): void {
    this.#timer.clear();
    if (this.#since !== undefined) this.#leftMs -= Math.min(now() - this.#since, this.#leftMs);
    this.#since = undefined;
  }
}
