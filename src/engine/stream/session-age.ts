/** When a session has lived for too long. */
import { now } from '../../timers.js';
import { PatientTimer } from '../patient-timer.js';

/** What a session's age may differ from the setting either way, and what it may live on when it is due: parts of that age. */
const JITTER_PART = 0.1;
const GRACE_PART = 0.1;
/** Node takes longer ones for none. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const SHORTEST_GRACE_MS = 10_000;
/** How long a session that is due has to be silent. */
const REST_MS = 1000;

export interface AgeEvents {
  /** For how long no byte has moved, in milliseconds. */
  quietMs(): number;
  /** Nobody seems to wait for anything. */
  rests(): boolean;
  /** It is to end. `isCut`: while bytes move. */
  onOver(isCut: boolean): void;
}

/** Ends a session that is due when it rests, and any when its grace is over: by the law of `Session` in native/core/session/. */
export class SessionAge {
  readonly #timer = new PatientTimer();
  readonly #events: AgeEvents;
  readonly #endsAt: number;

  /** @param maxAgeMs more than 0 */
  constructor(maxAgeMs: number, events: AgeEvents) {
    this.#events = events;
    const ageMs = maxAgeMs * (1 + JITTER_PART * (2 * Math.random() - 1));
    this.#endsAt = now() + ageMs + Math.max(maxAgeMs * GRACE_PART, SHORTEST_GRACE_MS);
    this.#timer.start(Math.min(Math.ceil(ageMs), LONGEST_TIMER_MS), this.#look);
  }

  stop(): void {
    this.#timer.clear();
  }

  readonly #look = (): void => {
    const leftMs = this.#endsAt - now();
    const quietMs = this.#events.quietMs();
    const rests = this.#events.rests();
    if (leftMs <= 0 || (rests && quietMs >= REST_MS)) {
      this.#events.onOver(quietMs < REST_MS);
      return;
    }
    const waitMs = rests ? REST_MS - quietMs : REST_MS;
    this.#timer.start(Math.ceil(Math.min(leftMs, waitMs)), this.#look);
  };
}
