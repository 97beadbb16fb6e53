/** Taking a socket away from the code that had it. */
import type { Socket } from 'node:net';

/**
 * Stops whoever had the socket from consuming a byte of it or closing it: their pipes, their listeners for
 * data and its end, their timeout. Bytes in its read buffer stay there.
 */
export function takeOver(socket: Socket): void {
  socket.unpipe();
  socket.pause();
  for (const event of ['data', 'readable', 'end', 'timeout'] as const) {
    // Node's own 'end' listener goes as well: it only acts where allowHalfOpen is false.
    if (socket.listenerCount(event) > 0) socket.removeAllListeners(event);
  }
  socket.setTimeout(0);
  socket.allowHalfOpen = true;
}
