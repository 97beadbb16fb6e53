import type { Socket } from 'node:net';
import { descriptorOf } from './check-socket.js';

/**
 * Closes a socket at once so that its peer sees a reset; what is queued for writing is dropped. Unix sockets
 * have no reset, and are closed as they are.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  // The kernel may have connected one that Node calls connecting. Its peer would take a FIN for a client that waits.
  const canReset = socket.connecting
    ? isTcp(socket) && descriptorOf(socket) >= 0
    : socket.remoteFamily !== undefined;
  if (!canReset) {
    socket.destroy();
  } else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    // The FIN is on its way through libuv, which refuses to reset until it is out. Node would not wait: its 'close'
    // would never come.
    socket.once('finish', () => resetSocket(socket));
  } else {
    // resetAndDestroy() ends the stream before it resets, and a peer that sees the FIN first takes what it has
    // for the whole. It tells destroy() by this flag to reset; there is no public way to do so alone.
    (socket as Socket & { resetAndClosing?: boolean }).resetAndClosing = true;
    socket.destroy();
  }
}

/** False for a Unix socket, and for one that was destroyed. */
export function isTcp(socket: Socket): boolean {
  const { _handle: handle } = socket as Socket & { _handle?: { reset?: unknown } | null };
  return handle?.reset !== undefined;
}
