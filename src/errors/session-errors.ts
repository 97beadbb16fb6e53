/** The words for the end of a session. */

import {
  SplicewayError,
  type SplicewayErrorCode,
  type SplicewayErrorDetails,
} from '../errors/catalogue.js';
import type { CloseReason, QueueRefusal } from '../model/close-reason.js';

type Words = readonly [SplicewayErrorCode, string];

const errors: Readonly<Record<Exclude<CloseReason, 'finished'>, Words>> = {
  reset: [
    'ERR_SPLICEWAY_SESSION_RESET',
    'one side reset its connection, so the other was reset as well; look at the side that left first',
  ],
  'idle-timeout': [
    'ERR_SPLICEWAY_SESSION_TIMEOUT',
    'no byte moved either way for the idle timeout; raise idleTimeout if such pauses are normal',
  ],
  'half-close-timeout': [
    'ERR_SPLICEWAY_SESSION_TIMEOUT',
    'one side had ended its stream, and for the half-close timeout nothing came from the other, or was taken by it; ' +
      'raise halfCloseTimeout if answers take that long',
  ],
  'handshake-timeout': [
    'ERR_SPLICEWAY_SESSION_TIMEOUT',
    'neither side sent a byte for the handshake timeout; raise handshakeTimeout if clients may wait that long ' +
      'before they begin',
  ],
  'max-age': [
    'ERR_SPLICEWAY_SESSION_TIMEOUT',
    'the session had lived for maxSessionAge; have clients connect anew when a connection ends, or raise maxSessionAge',
  ],
  rebalanced: [
    'ERR_SPLICEWAY_SESSION_REBALANCED',
    'the session was at rest at a backend that had more than its share, so it was ended for its client to come back to ' +
      'another; have clients connect anew when a connection ends, or switch rebalance off',
  ],
  'no-backend': [
    'ERR_SPLICEWAY_NO_BACKEND',
    'no backend answered and had room, so the client was disconnected; check that the backends run and can be ' +
      'reached, and raise their maxSessions where they are full',
  ],
  denied: [
    'ERR_SPLICEWAY_SESSION_DENIED',
    'the filter did not let the client in, so it was disconnected before any backend heard of it; see the cause, where ' +
      'there is one, or what the filter goes by',
  ],
  destroyed: [
    'ERR_SPLICEWAY_SESSION_DESTROYED',
    'the session was cut short by close() or destroy(); close with a drain time to let sessions finish',
  ],
};

/** In place of those of `no-backend`. */
const refusals: Readonly<Record<QueueRefusal, Words>> = {
  full: [
    'ERR_SPLICEWAY_QUEUE_FULL',
    'all backends were full, and as many clients as may waited for a place, so the client was disconnected; raise the length of ' +
      'the queue, or the limits of the backends, or add backends',
  ],
  timeout: [
    'ERR_SPLICEWAY_QUEUE_TIMEOUT',
    'all backends were full, and no place came free for the client in time, so it was disconnected; raise the timeout of the ' +
      'queue, or the limits of the backends, or add backends',
  ],
};

/**
 * The error that goes with a close reason; `undefined` for `finished`, which is none.
 *
 * @param details `cause`: the system's own error, where there was one; `backend`: the one that had answered
 * @param refusal of a session that found no backend: it was to wait for one, and did so in vain, or could not
 */
export function sessionError(
  reason: CloseReason,
  details: SplicewayErrorDetails = {},
  refusal?: QueueRefusal | undefined,
): SplicewayError | undefined {
  if (reason === 'finished') return undefined;
  const isRefused = reason === 'no-backend' && refusal !== undefined;
  const [code, message] = isRefused ? refusals[refusal] : errors[reason];
  return new SplicewayError(code, message, details);
}
