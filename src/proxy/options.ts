/** What the methods of a proxy are given, and say of it. */
import type { Duration } from '../config/duration.js';
import type { Overlay } from '../model/overlay.js';

/** Options of `handoff()`. Unknown keys are errors. */
export interface HandoffOptions {
  /** Name of the pool to pick from. Default: `default`, or the only one that there is. */
  pool?: string | undefined;
  /** Name of the one backend to use, in that pool. Default: the policy picks, and retries. */
  backend?: string | undefined;
  /**
   * What you have read from the socket, all of it: it travels first. Checked against the figures of the socket, but where
   * an HTTP parser has read as well: with a socket of 'upgrade' or 'connect', pass the head of the event. Default: nothing.
   */
  head?: Uint8Array | undefined;
  /**
   * What becomes of the client when no backend answers: `close` disconnects it, `return` gives its socket back, as `socket`
   * of the session's summary. It takes one descriptor more until a backend has answered. Default `close`.
   */
  onFailure?: 'close' | 'return' | undefined;
}

/** What a proxy starts with beside its options. Unknown keys are errors. */
export interface StartOptions {
  /**
   * What was set of its backends by hand before, as `overlay()` of another proxy gave it: it holds from the first client on. A
   * warning names backends that there are not. Default: nothing.
   */
  overlay?: Overlay | undefined;
}

/** Options of `close()`. Unknown keys are errors. */
export interface CloseOptions {
  /** How long live sessions may go on. Default 0: they are cut at once. */
  drain?: Duration | undefined;
}

/** What came of the choice of an engine. */
export interface RunningEngine {
  /** What moves the bytes: splice in the kernel, or Node streams. */
  readonly name: 'native' | 'stream';
  /** Why it is this one, in words for a person. */
  readonly reason: string;
}
