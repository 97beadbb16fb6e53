/** Answers that take memory or time: some at a time, so that whoever asks much gets no more than others. */
import type { ServerResponse } from 'node:http';
import { SplicewayError } from '../../errors/catalogue.js';

/** Each holds a copy of all figures. */
const MOST = 4;

export class Places {
  readonly #taken = new Set<object>();

  /**
   * Held until the answer is closed.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_TOO_MANY_REQUESTS` where all are taken, or one by the same connection, which asks in advance
   */
  take(response: ServerResponse): void {
    const { socket } = response.req;
    if (this.#taken.size >= MOST || this.#taken.has(socket)) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_TOO_MANY_REQUESTS',
        `${MOST} answers of this size are under way, the most at a time, or one on this connection; ask again when they are read`,
      );
    }
    // Nobody is there any more, and nobody would say so again.
    if (socket.closed) return;
    this.#taken.add(socket);
    const leave = () => {
      this.#taken.delete(socket);
      socket.off('close', leave);
    };
    response.once('close', leave);
    // An answer behind others that are not read is never closed.
    socket.once('close', leave);
  }
}
