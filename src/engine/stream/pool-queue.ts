/** Clients who wait for a place in a pool, first come, first served. */
import { now, setImmediate } from '../../timers.js';
import { PatientTimer } from '../patient-timer.js';
import type { PoolLimits, QueueFigures } from '../tables.js';

/** One of them. */
export interface Waiter {
  /** It may take a place now. Then it leaves the queue, or says that it stays, now or later. */
  onTurn(): void;
  /** Its time is over; it is in the queue no more. */
  onTimeout(): void;
}

/** What is known of its wait. */
interface Wait {
  readonly timer: PatientTimer;
  /** When it would have come, had it not had a place in between; on the clock of `now()`. */
  readonly since: number;
  /** When it came, this time; on the same clock. */
  readonly enteredAt: number;
  /** The round in which it was asked last. */
  round: number;
  /** It was told that it is its turn, and has not answered. */
  isAsked: boolean;
  /** Not to be asked in this turn of the event loop: it was served a moment ago, in vain. */
  isResting: boolean;
  isOver: boolean;
}

export class PoolQueue {
  readonly #places: (upTo: number) => number;
  readonly #onServed: (waitedMs: number) => void;
  #limits: PoolLimits = { maxSessions: 0, queueLength: 0, queueMs: 0 };
  /** Sessions of the pool. */
  #taken = 0;
  /** Those who had got a place before, at a backend that failed them: they came before all others. */
  readonly #again = new Map<Waiter, Wait>();
  /** In the order in which they came. */
  readonly #waiting = new Map<Waiter, Wait>();
  readonly #figures = { served: 0, timedOut: 0, refused: 0, left: 0 };
  /** Each change begins another, in which each may be asked once: a place that nobody can use is no reason to go on and on. */
  #round = 0;
  /** How many were asked and have not answered. */
  #asked = 0;
  #isLookingSoon = false;

  /**
   * @param places how many may be free, if that is less than `upTo`
   * @param onServed a waiter has got a place
   */
  constructor(places: (upTo: number) => number, onServed: (waitedMs: number) => void) {
    this.#places = places;
    this.#onServed = onServed;
  }

  get length(): number {
    return this.#again.size + this.#waiting.size;
  }

  get figures(): QueueFigures {
    return { ...this.#figures };
  }

  /** How many sessions more its pool may have. */
  get placesOfPool(): number {
    const { maxSessions } = this.#limits;
    return maxSessions > 0 ? Math.max(maxSessions - this.#taken, 0) : Number.POSITIVE_INFINITY;
  }

  limit(limits: PoolLimits): void {
    const isOther = limits.queueMs !== this.#limits.queueMs;
    this.#limits = limits;
    if (isOther) {
      for (const waiting of [this.#again, this.#waiting]) {
        for (const [waiter, wait] of waiting) this.#startTimer(waiter, wait);
      }
    }
    this.change();
  }

  takePlace(): void {
    this.#taken += 1;
  }

  giveBackPlace(): void {
    this.#taken -= 1;
    this.change();
  }

  /**
   * @param waitedMs how long it has waited before, where the backend failed that it then got a place at: it has come before
   *   all others
   * @returns whether there is room for it
   */
  enter(waiter: Waiter, waitedMs?: number): boolean {
    const { queueLength } = this.#limits;
    const isBack = waitedMs !== undefined;
    if (!isBack && this.length >= queueLength) {
      this.#figures.refused += 1;
      return false;
    }
    const enteredAt = now();
    const since = enteredAt - (waitedMs ?? 0);
    const timer = new PatientTimer();
    const answers = { round: -1, isAsked: false, isResting: isBack, isOver: false };
    const wait = { timer, since, enteredAt, ...answers };
    (isBack ? this.#again : this.#waiting).set(waiter, wait);
    this.#startTimer(waiter, wait);
    // A backend that fails at once would have it come back for ever, and nothing else would have its turn.
    if (isBack) setImmediate(() => this.#endRest(wait));
    // Room may have come since it found none.
    this.#lookSoon();
    return true;
  }

  /** No place was of use to it, and it keeps its own in the queue. */
  stay(waiter: Waiter): void {
    const wait = this.#find(waiter);
    if (wait === undefined) return;
    this.#noteAnswer(wait);
    if (wait.isOver) this.#timeOut(waiter, wait);
    else this.#lookSoon();
  }

  /** @param figure what is counted; nothing where no backend is left that it could wait for */
  leave(waiter: Waiter, figure?: 'served' | 'left' | 'timedOut'): void {
    const wait = this.#find(waiter);
    if (wait === undefined) return;
    wait.timer.clear();
    this.#noteAnswer(wait);
    this.#again.delete(waiter);
    this.#waiting.delete(waiter);
    if (figure !== undefined) this.#figures[figure] += 1;
    if (figure === 'served') this.#onServed(now() - wait.enteredAt);
    this.#lookSoon();
  }

  /** A place may be free, or somebody may have nothing left to wait for. */
  change(): void {
    this.#round += 1;
    this.#lookSoon();
  }

  #find(waiter: Waiter): Wait | undefined {
    return this.#again.get(waiter) ?? this.#waiting.get(waiter);
  }

  #noteAnswer(wait: Wait): void {
    if (wait.isAsked) this.#asked -= 1;
    wait.isAsked = false;
  }

  #endRest(wait: Wait): void {
    wait.isResting = false;
    this.#lookSoon();
  }

  /** At the end of this turn, once for all that it brings. */
  #lookSoon(): void {
    if (this.#isLookingSoon || this.length === 0) return;
    this.#isLookingSoon = true;
    queueMicrotask(() => {
      this.#isLookingSoon = false;
      this.#look();
    });
  }

  /**
   * Who came first is asked first. Whoever cannot use a place that is free lets the next one have it. While some have not answered,
   * others are asked for the places that are left: a policy may take its time, and places come free meanwhile.
   */
  #look(): void {
    for (const waiting of [this.#again, this.#waiting]) {
      for (const [waiter, wait] of waiting) {
        if (wait.isResting) return;
        if (wait.isAsked || wait.round === this.#round) continue;
        if (this.#places(this.#asked + 1) <= this.#asked) return;
        wait.round = this.#round;
        wait.isAsked = true;
        this.#asked += 1;
        waiter.onTurn();
      }
    }
  }

  #startTimer(waiter: Waiter, wait: Wait): void {
    const { queueMs } = this.#limits;
    const leftMs = Math.max(wait.since + queueMs - now(), 0);
    wait.isOver = false;
    if (queueMs > 0) wait.timer.start(leftMs, () => this.#timeOut(waiter, wait));
    else wait.timer.clear();
  }

  #timeOut(waiter: Waiter, wait: Wait): void {
    wait.isOver = true;
    // It may be about to have a place.
    if (wait.isAsked) return;
    this.leave(waiter, 'timedOut');
    waiter.onTimeout();
  }
}
