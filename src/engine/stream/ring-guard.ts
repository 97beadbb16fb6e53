/** Has a ring of balancers end when its client has left, as `RingGuard` of the native core does. */
import type { Socket } from 'node:net';
import { now } from '../../timers.js';

/** Fewer than these are no ring, and so many resets within so long may be one. */
const MANY = 32;
const WITHIN_MS = 1000;

/**
 * Two balancers that are each other's backend hand a client on and on, and over loopback addresses no limit of its own ends
 * that. What this counts was never answered, which is how a ring differs from busy servers on the same machine.
 */
export class RingGuard {
  readonly #free: () => number;
  #resets = 0;
  #since = Number.NEGATIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;
  #silentEnds = 0;

  /** @param free sessions that may still begin */
  constructor(free: () => number) {
    this.#free = free;
  }

  /**
   * A session of a client of this machine was reset, and its backend had not said a word. The end of a ring's sessions
   * follows their beginning, and as fast, so it would never get there. Whoever sets out a little later is overtaken.
   */
  noteReset(): void {
    const time = now();
    if (time >= this.#since + WITHIN_MS) {
      this.#since = time;
      this.#resets = 0;
    }
    this.#resets += 1;
    if (this.#resets >= MANY) this.#until = time + WITHIN_MS;
  }

  /** Whether a session is to wait before it sets out. */
  get isHesitating(): boolean {
    return now() < this.#until;
  }

  /**
   * A client of this machine has ended its stream, and neither side has said a word. It may have left, or may wait for an
   * answer. False where so many wait that they take the last sessions: then this one is to be reset, and a ring ends with
   * it, both ways. `silentEndIsOver` follows in any case.
   */
  mayWait(): boolean {
    this.#silentEnds += 1;
    return this.#silentEnds < MANY || this.#silentEnds < this.#free();
  }

  /** The session has been answered, or is over. */
  silentEndIsOver(): void {
    this.#silentEnds -= 1;
  }
}

/** Only a client of this machine can be a step of a ring that nothing else ends; so may be one that has left already. */
export function isOfThisMachine({ remoteAddress = '::1' }: Socket): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(remoteAddress);
}
