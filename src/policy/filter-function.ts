/** Who is let in: a function that users write. */
import type { PickContext } from './pick-function.js';

/** Who wants to come in, and where. */
export type FilterContext = Pick<PickContext, 'client' | 'listener'>;

/**
 * Lets a client in with `true`, and denies it with `false`: it is reset, and no backend ever hears of it. Called once for
 * each client of a listener, before any backend is tried.
 *
 * It may answer with a promise. The client waits for that as long as `connectTimeout` says, with its bytes unread, and is
 * denied then. What throws or rejects, or answers with anything but a boolean, denies as well, and a warning says so.
 */
export type FilterFunction = (context: FilterContext) => boolean | PromiseLike<boolean>;
