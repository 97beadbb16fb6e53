import type { Socket } from 'node:net';

/**
 * Closes a socket at once so that its peer sees a reset; what is queued for writing is dropped. Unix sockets
 * have no reset and one that is still connecting has no peer yet; both are closed as they are.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  const isTcp = socket.remoteFamily !== undefined;
  if (!isTcp || socket.connecting) {
    socket.destroy();
  } else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    // The FIN is on its way through libuv, which refuses to reset until it is out; Node would then never close
    // the socket.
    socket.once('finish', () => resetSocket(socket));
  } else {
    // resetAndDestroy() ends the stream before it resets, and a peer that sees the FIN first takes what it has
    // for the whole. It tells destroy() by this flag to reset; there is no public way to do so alone.
    (socket as Socket & { resetAndClosing?: boolean }).resetAndClosing = true;
    socket.destroy();
  }
}
