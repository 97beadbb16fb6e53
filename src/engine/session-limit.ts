import { SplicewayError } from '../errors/catalogue.js';

/** How many sessions an engine holds at once, and what it says of that. */
export class SessionLimit {
  /** `Infinity` where nothing limits them that the engine knows of. */
  readonly most: number;
  readonly #isAsked: boolean;

  /**
   * @param possible as many as the engine could hold
   * @param asked `maxSessions` of the options
   */
  constructor(possible: number, asked = Number.POSITIVE_INFINITY) {
    this.most = Math.min(possible, asked);
    this.#isAsked = asked <= possible;
  }

  /** Why no other session begins when they are all open: one clause. */
  get reached(): string {
    const why = this.#isAsked ? 'maxSessions allows' : 'the file descriptors allow';
    const open = this.most === 1 ? '1 session is open' : `${this.most} sessions are open`;
    return `${open}, as many as ${why}`;
  }

  /** The error that goes with it. */
  error(): SplicewayError {
    const advice = this.#isAsked ? 'maxSessions' : 'the limit of open files (ulimit -n)';
    return new SplicewayError(
      'ERR_SPLICEWAY_RESOURCE_LIMIT',
      `the session could not be taken over: ${this.reached}; wait for some to end, or raise ${advice}`,
    );
  }
}
