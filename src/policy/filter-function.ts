/** Who is let in: a function that users write. */
import type { PickContext } from './pick-function.js';

/** Who wants to come in, and where. */
export interface FilterContext extends Pick<PickContext, 'client' | 'listener'> {
  /**
   * Aborts when nobody waits for the answer any more: the client has reset its connection, `connectTimeout` is over, or the
   * session is cut short, as when the proxy closes. For what the filter waits for, such as `fetch()`. Its `reason` has the `code`
   * `ERR_SPLICEWAY_SESSION_RESET` for a client that has left, and `ERR_SPLICEWAY_SESSION_DESTROYED` for `close()` and `destroy()`.
   */
  readonly signal: AbortSignal;
}

/**
 * Lets a client in with `true`, and denies it with `false`: it is reset, and no backend ever hears of it. Called once for
 * each client of a listener, before any backend is tried.
 *
 * It may answer with a promise. The client waits for that as long as `connectTimeout` says, and is denied then. Its bytes
 * stay unread meanwhile, but for 128 KiB at most with the `stream` engine. `signal` tells a filter that it need not go on. A
 * client that has only ended its side is waited for: it may still read an answer.
 * What throws or rejects, or answers with anything but a boolean, denies as well, and a warning says so.
 */
export type FilterFunction = (context: FilterContext) => boolean | PromiseLike<boolean>;
