/** Why a session ended. */
export type CloseReason =
  /** Both sides ended their stream, and every byte was passed on. */
  | 'finished'
  /** One side reset its connection (the other was reset as well), or the client left early. */
  | 'reset'
  /** No byte had moved either way for `idleTimeout`. */
  | 'idle-timeout'
  /** No byte had moved for `halfCloseTimeout` since one side ended its stream. */
  | 'half-close-timeout'
  /** Neither side had sent a byte for `handshakeTimeout` since the backend answered. */
  | 'handshake-timeout'
  /** It had lived for `maxSessionAge`, and was at rest, or did not come to rest. */
  | 'max-age'
  /** It was at rest, and its client is to come back to a backend that has fewer sessions. */
  | 'rebalanced'
  /** There was no backend left to try before any answered. */
  | 'no-backend'
  /** The `filter` of the options did not let the client in. */
  | 'denied'
  /** Cut short by `destroy()` of the session, by `endSessions()` or `close()` of the proxy, or by `onRemove` or `onDown` of its pool. */
  | 'destroyed';

/** What ended the wait for a place at a backend before it came: no more clients may wait, or none as long. */
export type QueueRefusal = 'full' | 'timeout';
