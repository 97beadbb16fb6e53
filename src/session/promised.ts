import { PatientTimer } from '../engine/patient-timer.js';

/** What a function of the user's has promised: waited for as long as it may take, and as anybody wants it. */
export class Promised {
  readonly #onStopped: (error: Error) => void;
  /** Ends the wait, while there is one. */
  #stop: ((error: Error) => void) | undefined;

  /** @param onStopped the wait was over before the answer came */
  constructor(onStopped: (error: Error) => void = () => {}) {
    this.#onStopped = onStopped;
  }

  /**
   * @param who has promised it, for the message
   * @param limitMs milliseconds; 0 is any time
   * @throws what the promise rejects with, or an error for what has come too late, or that of `stop()`
   */
  async wait<Answer>(answer: PromiseLike<Answer>, who: string, limitMs: number): Promise<Answer> {
    const timer = new PatientTimer();
    const stopped = new Promise<never>((_, reject) => {
      this.#stop = (error) => {
        reject(error);
        this.#onStopped(error);
      };
    });
    if (limitMs > 0) {
      const late = new Error(`the ${who} did not answer within ${limitMs} ms`);
      timer.start(limitMs, () => this.#stop?.(late));
    }
    try {
      return await Promise.race([answer, stopped]);
    } finally {
      timer.clear();
      this.#stop = undefined;
    }
  }

  /** Nobody waits any more. Does nothing where nobody does. */
  stop(error: () => Error): void {
    this.#stop?.(error());
  }
}
