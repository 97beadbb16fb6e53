/** Rows that nobody new comes to, until their last session has left. */
import type { OnRemove } from '../config/on-remove.js';
import type { EngineTables, SessionsOf } from '../engine/tables.js';
import { clearTimeout, now, setTimeout } from '../timers.js';

/** Between two looks. Of most sessions that end only the loops know. */
const LOOK_MS = 50;

export interface Departure {
  /** Whose sessions they are. */
  readonly sessions: SessionsOf;
  /** Whether the last one has left. */
  isVacant(): boolean;
  /** How many there are now. */
  open(): number;
  /** Called once, when the last one has left. @param cut how many were ended because their time was over */
  onVacant(cut: number): void;
  /** Called before those are ended that are left. */
  onCut?(): void;
}

interface Waiting extends Departure {
  /** When those that are left are ended, on the clock of `now()`. */
  readonly cutAt: number;
  isCut: boolean;
  cut: number;
}

/** Looks after all departures of a proxy: one timer, while there are any. */
export class Departures {
  readonly #tables: EngineTables;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #isLookingSoon = false;
  #isClosed = false;

  constructor(tables: EngineTables) {
    this.#tables = tables;
  }

  /** @returns to be called when it is called off: nothing is ended any more. It returns how many were ended */
  add(departure: Departure, onRemove: OnRemove): () => number {
    if (this.#isClosed) return () => 0;
    const waitMs =
      onRemove === 'close' ? 0 : onRemove === 'keep' ? Number.POSITIVE_INFINITY : onRemove.afterMs;
    const waiting = Object.assign(departure, { cutAt: now() + waitMs, isCut: false, cut: 0 });
    this.#waiting.add(waiting);
    this.#lookSoon();
    return () => {
      this.#waiting.delete(waiting);
      return waiting.cut;
    };
  }

  /** The engine ends what is left: nobody is looked after any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  /** At the end of this turn, once for all that one change adds: there may be thousands. */
  #lookSoon(): void {
    if (this.#isLookingSoon) return;
    this.#isLookingSoon = true;
    queueMicrotask(() => {
      this.#isLookingSoon = false;
      this.#look();
    });
  }

  #look(): void {
    clearTimeout(this.#timer);
    const time = now();
    for (const waiting of this.#waiting) {
      // First of all: of thousands that have no session none has to be ended.
      if (waiting.isVacant()) this.#leave(waiting);
      else if (time >= waiting.cutAt && !waiting.isCut) this.#cut(waiting);
    }
    if (this.#waiting.size === 0 || this.#isClosed) return;
    this.#timer = setTimeout(() => this.#look(), LOOK_MS);
    // The sessions keep the process alive.
    this.#timer.unref();
  }

  #cut(waiting: Waiting): void {
    waiting.isCut = true;
    waiting.cut = waiting.open();
    waiting.onCut?.();
    this.#tables.endSessions(waiting.sessions);
  }

  #leave(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    waiting.onVacant(waiting.cut);
  }
}
