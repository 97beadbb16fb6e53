/** TCP keepalive of the sockets that Node opens. */
import type { Socket } from 'node:net';

/** The least that Node can tell the kernel. */
const SHORTEST_MS = 1000;

/**
 * Has the kernel ask the peer whether it is still there, once it has been silent for half that time to the whole of it. Each socket
 * draws its own: a crowd that falls silent together would be asked in one moment otherwise, and the queues on the way drop what is too
 * much for them.
 *
 * @param keepAliveMs 0 never asks
 */
export function keepAlive(socket: Socket, keepAliveMs: number): void {
  if (keepAliveMs === 0) return;
  socket.setKeepAlive(true, Math.max(keepAliveMs * (1 - Math.random() / 2), SHORTEST_MS));
}
