/** What both phases of a session, connecting and relaying, do to Node's sockets. */
import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { descriptorOf } from '../check-socket.js';
import type { ResolvedAddress } from '../engine.js';
import { takeOver } from '../take-over.js';

/** Takes the socket from the code that had it, for relaying. */
export function takeSocket(socket: Socket): void {
  takeOver(socket);
  socket.setNoDelay(true);
}

/** A new socket that connects to the address. It has no listener yet, not even for errors. */
export function connectSocket(address: ResolvedAddress): Socket {
  const socket = new Socket({ allowHalfOpen: true });
  if (address.kind === 'unix') return socket.connect({ path: address.path });
  return socket.connect({
    host: address.ip,
    port: address.port,
    family: address.family,
    noDelay: true,
  });
}

/** The system's name of an error, such as `ECONNREFUSED`. */
export function errorCode(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.name;
}

const NOTHING = Buffer.alloc(0);

/**
 * Calls back if the peer has not reset the connection; if it has, the socket emits its 'error' and 'close'.
 *
 * libuv reports a reset that comes together with the last bytes as a regular end of stream (`uv__stream_io`, on
 * a partial read with POLLHUP). Writing nothing tells: the kernel refuses it on a connection that was reset.
 *
 * @param socket open for writing
 */
export function proveAlive(socket: Socket, alive: () => void): void {
  socket.write(NOTHING, (error) => {
    if (!error) alive();
  });
}

/**
 * The same for a socket that was read to its end, at once, and also where it has ended its own stream or has much to
 * write still: reading once more gives the error that libuv did not wait for, or the end again.
 */
export function proveEnded(socket: Socket, ended: () => void): void {
  const fd = descriptorOf(socket);
  try {
    // Windows has no such descriptors, and no such ends either.
    if (fd >= 0) readSync(fd, Buffer.alloc(1));
  } catch (error) {
    socket.destroy(error as Error);
    return;
  }
  ended();
}
