/** Sockets on which Node has still something to write. */
import type { Socket } from 'node:net';
import { checkSocket, checkUsable, markTaken } from '../check-socket.js';
import { resetSocket } from '../reset-socket.js';
import { takeOver } from '../take-over.js';
import type { NativeSession } from './native-session.js';
import { whenWritten } from './take-socket.js';

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

  /**
   * Has the sockets taken: now, or when Node has written what is queued on them.
   *
   * @throws SplicewayError what `checkSocket` and, where nothing is queued, `take` throws
   */
  pass(sockets: readonly Socket[], session: NativeSession, take: () => void): void {
    for (const socket of sockets) checkSocket(socket);
    if (sockets.every((socket) => socket.writableLength === 0)) {
      take();
      return;
    }
    for (const socket of sockets) {
      markTaken(socket);
      // What is read meanwhile is the session's.
      takeOver(socket);
    }
    session.wait(sockets);
    this.#sessions.add(session);
    whenWritten(sockets, () => {
      this.#sessions.delete(session);
      try {
        for (const socket of sockets) checkUsable(socket);
        take();
      } catch (error) {
        for (const socket of sockets) resetSocket(socket);
        session.close('reset', error as Error);
      }
      this.#onLeft();
    });
  }

  destroy(): void {
    for (const session of [...this.#sessions]) session.destroy();
  }
}
