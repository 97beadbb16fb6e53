/** What the checks of one backend have come to. */
import type { HealthSchedule } from '../../model/health.js';

/** The last answer to a check. */
export interface CheckReport {
  /** When it came: milliseconds since 1970, as `Date.now()`. */
  readonly at: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** Whether all was well. */
  readonly passed: boolean;
  /** What was found, in words for people; may be empty. */
  readonly detail: string;
}

/**
 * Counts answers in a row, `rise` and `fall` of them, as HAProxy does. At first nothing is known: then one that passes is
 * enough, so that a backend is not kept out for longer than it has to.
 */
export class CheckState {
  #status: 'checking' | 'up' | 'down' = 'checking';
  #passes = 0;
  #failures = 0;
  #last: CheckReport | undefined;

  get status(): 'checking' | 'up' | 'down' {
    return this.#status;
  }

  get last(): CheckReport | undefined {
    return this.#last;
  }

  /** Whether the next answers may change the status, so that it is asked again soon. */
  get isInTransition(): boolean {
    if (this.#status === 'checking') return true;
    return this.#status === 'up' ? this.#failures > 0 : this.#passes > 0;
  }

  /** Whether the last check has failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** @returns why the status is another now; `undefined` when it is not */
  note(report: CheckReport, { rise, fall }: HealthSchedule): string | undefined {
    this.#last = report;
    this.#passes = report.passed ? this.#passes + 1 : 0;
    this.#failures = report.passed ? 0 : this.#failures + 1;
    const enough = this.#status === 'checking' ? 1 : rise;
    if (this.#status !== 'up' && this.#passes >= enough) return this.#become('up', this.#passes);
    if (this.#status !== 'down' && this.#failures >= fall) {
      return this.#become('down', this.#failures);
    }
    return undefined;
  }

  #become(status: 'up' | 'down', answers: number): string {
    this.#status = status;
    const detail =
      this.#last?.detail || (status === 'up' ? 'the check passed' : 'the check failed');
    return answers === 1 ? detail : `${detail} ×${answers}`;
  }
}
