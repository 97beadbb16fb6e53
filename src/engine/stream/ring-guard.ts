/** Has a ring of balancers end when its client has left, as `RingGuard` of the native core does. */
import type { Socket } from 'node:net';
import { now } from '../../timers.js';
import { isTcp } from '../reset-socket.js';

/** Fewer than these are no ring, and so many resets within so long may be one. */
const MANY = 32;
const WITHIN_MS = 1000;
const MOST_HESITATION_MS = 64;

/**
 * Two balancers that are each other's backend hand a client on and on, and over loopback addresses no limit of its own ends
 * that. So this is told of sessions whose clients are there. What it counts was never answered, which is how a ring differs
 * from busy servers on the same machine.
 */
export class RingGuard {
  readonly #limit: number;
  readonly #open: () => number;
  #resets = 0;
  #since = Number.NEGATIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;
  #hesitationMs = 0;
  #silentEnds = 0;
  /** What passes on the ends that were held back. */
  readonly #held = new Set<() => void>();

  /**
   * @param limit sessions at once; `Infinity` where nothing limits them, and then there is no crowd
   * @param open how many there are now
   */
  constructor(limit: number, open: () => number) {
    this.#limit = limit;
    this.#open = open;
  }

  /**
   * A session was reset, and its backend had not said a word. The end of a ring's sessions follows their beginning, and as
   * fast, so it would never get there. Whoever sets out a little later is overtaken.
   */
  noteReset(): void {
    const time = now();
    if (time >= this.#since + WITHIN_MS) {
      this.#since = time;
      this.#resets = 0;
    }
    this.#resets += 1;
    if (this.#resets < MANY) return;
    if (time >= this.#until) this.#hesitationMs = 0;
    const wanted = Math.min(Math.floor(this.#resets / MANY), MOST_HESITATION_MS);
    this.#hesitationMs = Math.max(this.#hesitationMs, wanted);
    this.#until = time + WITHIN_MS;
  }

  /** How much later a session is to set out now. */
  get hesitationMs(): number {
    return now() < this.#until ? this.#hesitationMs : 0;
  }

  /**
   * The client of a session has ended its stream, and neither side has said a word. It may have left, or may wait for an
   * answer. `silentEndIsOver` follows.
   *
   * @param passOn passes that end on to the backend; called at most once, when there is no crowd any more
   * @returns true where that end is to be held back: the next step of a ring would see no reset behind it, as Node does not
   * look at a socket that it has read to its end
   */
  noteSilentEnd(passOn: () => void): boolean {
    this.#silentEnds += 1;
    if (!this.hasCrowd) return false;
    this.#held.add(passOn);
    return true;
  }

  /** The session has been answered, or is over. */
  silentEndIsOver(passOn: () => void): void {
    this.#silentEnds -= 1;
    this.#held.delete(passOn);
    if (this.#held.size === 0 || this.hasCrowd) return;
    const released = [...this.#held];
    this.#held.clear();
    for (const passOnNow of released) passOnNow();
  }

  /** So many wait for an answer that they are about to take the last sessions: no fewer than are free. */
  get hasCrowd(): boolean {
    const many = Math.min(Math.max(Math.floor(this.#limit / 2), 2), MANY);
    return this.#silentEnds >= many && this.#silentEnds >= this.#limit - this.#open();
  }
}

/**
 * Only a client of this machine can be a step of a ring that nothing else ends. So may be one that has left already, and has
 * no address any more. Unix sockets have none either, but know no reset that would end their ring.
 */
export function isOfThisMachine(client: Socket): boolean {
  const { remoteAddress } = client;
  if (remoteAddress === undefined) return isTcp(client);
  return /^(::ffff:)?127\.|^::1$/.test(remoteAddress);
}
