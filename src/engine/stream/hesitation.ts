/** Has a ring of balancers end when its client has left, as `Worker::NoteUnanswered` of the native core does. */
import type { Socket } from 'node:net';
import { now } from '../../timers.js';

/** So many sessions that end unanswered, within so long, may be a ring; new ones hesitate for so long then. */
const MANY = 32;
const WITHIN_MS = 1000;

/**
 * Two balancers that are each other's backend hand a client on and on. When it has left, the end of its sessions follows
 * their beginning, and as fast, so it would never get there. Whoever sets out a little later is overtaken.
 */
export class Hesitation {
  #unanswered = 0;
  #since = Number.NEGATIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;

  /** A session was reset, and its backend had not said a word. */
  noteUnanswered(): void {
    const time = now();
    if (time >= this.#since + WITHIN_MS) {
      this.#since = time;
      this.#unanswered = 0;
    }
    this.#unanswered += 1;
    if (this.#unanswered >= MANY) this.#until = time + WITHIN_MS;
  }

  /** Whether a client of a loopback address, or one that has left already, is to wait before a session sets out. */
  isFor({ remoteAddress = '::1' }: Socket): boolean {
    return now() < this.#until && /^(::ffff:)?127\.|^::1$/.test(remoteAddress);
  }
}
