/** Sockets on which Node has still something to write. Their sessions have begun: with a slot, and with the clock running. */

import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { CloseReason } from '../../model/close-reason.js';
import type { EndSide } from '../../model/session-end.js';
import { now } from '../../timers.js';
import { checkUsable, markTaken, unwrittenBytes } from '../check-socket.js';
import type { SessionTimeouts } from '../engine.js';
import { PatientTimer } from '../patient-timer.js';
import { resetSocket } from '../reset-socket.js';
import { takeOver } from '../take-over.js';
import type { NativeSession } from './native-session.js';
import { systemError } from './system-error.js';
import { whenWritten } from './take-socket.js';

/** A time-out comes late by this part of it at most. */
const LOOKS = 8;

/** What becomes of sockets that wait. One of the two is called, once. */
export interface Departure {
  /** Everything is written. What it throws ends the session. */
  take(): void;
  /** The session ends here; its sockets are reset. */
  giveUp(reason: CloseReason, side: EndSide): void;
}

export class Outbox {
  readonly #sessions = new Set<NativeSession>();
  readonly #onLeft: () => void;

  /** @param onLeft called each time that a session waits here no longer */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  /** Keeps the sockets, which can be taken, until Node has written what is queued on them. */
  wait(
    sockets: readonly Socket[],
    session: NativeSession,
    timeouts: SessionTimeouts,
    { take, giveUp }: Departure,
  ): void {
    for (const socket of sockets) {
      markTaken(socket);
      // What is read meanwhile is the session's.
      takeOver(socket);
    }
    this.#sessions.add(session);
    const leave = (how: () => void) => {
      if (!this.#sessions.delete(session)) return;
      stopClock();
      how();
      this.#onLeft();
    };
    const end = (reason: CloseReason, cause?: Error, side: EndSide = 'proxy') => {
      for (const socket of sockets) resetSocket(socket);
      giveUp(reason, side);
      session.close(reason, cause);
    };
    const stopClock = whenStalled(sockets, timeouts, (reason) =>
      leave(() => end(reason, systemError(constants.errno.ETIMEDOUT))),
    );
    // A peer that resets is the session's, too: without a listener the program would end by its error.
    for (const [index, socket] of sockets.entries()) {
      const side = index === 0 ? 'client' : 'backend';
      socket.on('error', (cause) => leave(() => end('reset', cause, side)));
    }
    session.wait(() => leave(() => end('destroyed')));
    whenWritten(sockets, () =>
      leave(() => {
        try {
          for (const socket of sockets) checkUsable(socket);
          take();
        } catch (error) {
          end('reset', error as Error);
        }
      }),
    );
  }

  destroy(): void {
    for (const session of [...this.#sessions]) session.destroy();
  }
}

/**
 * Calls `then` when nothing of what is queued has gone for the shorter of the two time-outs that a session has before its
 * first byte. The result stops it.
 */
function whenStalled(
  sockets: readonly Socket[],
  { idleMs, handshakeMs }: SessionTimeouts,
  then: (reason: CloseReason) => void,
): () => void {
  const limitMs = Math.min(
    idleMs || Number.POSITIVE_INFINITY,
    handshakeMs || Number.POSITIVE_INFINITY,
  );
  if (limitMs === Number.POSITIVE_INFINITY) return () => {};
  const left = () => sockets.reduce((sum, socket) => sum + unwrittenBytes(socket), 0);
  const everyMs = Math.ceil(limitMs / LOOKS);
  const timer = new PatientTimer();
  let last = left();
  let since = now();
  const look = () => {
    const bytes = left();
    if (bytes !== last) since = now();
    last = bytes;
    if (now() - since >= limitMs)
      then(limitMs === handshakeMs ? 'handshake-timeout' : 'idle-timeout');
    else timer.start(everyMs, look);
  };
  timer.start(everyMs, look);
  return () => timer.clear();
}
