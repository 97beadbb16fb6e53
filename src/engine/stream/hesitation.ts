/** Has a ring of balancers end when its client has left, as `RingGuard::NoteReset` of the native core does. */
import type { Socket } from 'node:net';
import { now } from '../../timers.js';

/** So many sessions that end unanswered, within so long, may be a ring; new ones hesitate for so long then. */
const MANY = 32;
const WITHIN_MS = 1000;
const MOST_MS = 64;

/**
 * Two balancers that are each other's backend hand a client on and on. When it has left, the end of its sessions follows
 * their beginning, and as fast, so it would never get there. Whoever sets out a little later is overtaken.
 */
export class Hesitation {
  #unanswered = 0;
  #since = Number.NEGATIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;
  #ms = 0;

  /** A session of a client of this machine was reset, and its backend had not said a word. */
  noteUnanswered(): void {
    const time = now();
    if (time >= this.#since + WITHIN_MS) {
      this.#since = time;
      this.#unanswered = 0;
    }
    this.#unanswered += 1;
    if (this.#unanswered < MANY) return;
    if (time >= this.#until) this.#ms = 0;
    this.#ms = Math.max(this.#ms, Math.min(Math.floor(this.#unanswered / MANY), MOST_MS));
    this.#until = time + WITHIN_MS;
  }

  /** How much later a session is to set out now. */
  get ms(): number {
    return now() < this.#until ? this.#ms : 0;
  }
}

/** Only a client of this machine can be a step of a ring that nothing else ends; so may be one that has left already. */
export function isOfThisMachine({ remoteAddress = '::1' }: Socket): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(remoteAddress);
}
