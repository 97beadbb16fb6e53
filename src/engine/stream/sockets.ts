/** What both phases of a session, connecting and relaying, do to Node's sockets. */
import { readSync } from 'node:fs';
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { ResolvedAddress } from '../../model/address.js';
import { descriptorOf, markTaken } from '../check-socket.js';
import { keepAlive } from '../keep-alive.js';
import { takeOver } from '../take-over.js';

/** Takes the socket from the code that had it, for relaying. */
export function takeSocket(socket: Socket): void {
  markTaken(socket);
  takeOver(socket);
  socket.setNoDelay(true);
}

/**
 * The connection of an open socket, in a new one, which is paused. How a socket reads is settled when it is made, and that its
 * stream has ended is settled with its 'end' event; the new one meets the end again. The old one is destroyed.
 *
 * @param socket paused, with nothing in its read buffer and nothing queued for writing
 */
export function wrapAnew(socket: Socket, options: SocketConstructorOpts): Socket {
  const old = socket as Socket & { _handle: unknown };
  const { _handle: handle } = old;
  // As Node itself does when it sends a socket to another process: without its handle, destroying it closes nothing.
  old._handle = null;
  old.destroy();
  return new Socket({ ...options, handle, pauseOnCreate: true } as SocketConstructorOpts);
}

/**
 * Connects a new socket to the address.
 *
 * @param keepAliveMs after so much silence its peer is asked whether it is still there; 0 never
 * @param from an address of this machine, of the same family; `undefined`: the system picks. Node has the kernel pick a port at once,
 *   which no other connection from that address may have then, wherever it goes
 */
export function connectSocket(
  socket: Socket,
  address: ResolvedAddress,
  keepAliveMs: number,
  from?: string,
): void {
  if (address.kind === 'unix') {
    socket.connect({ path: address.path });
    return;
  }
  // Options of connect() would be heeded only where it makes the socket as well.
  socket.setNoDelay(true);
  keepAlive(socket, keepAliveMs);
  const where = { host: address.ip, port: address.port, family: address.family };
  socket.connect(from === undefined ? where : { ...where, localAddress: from });
}

/**
 * True when the kernel gave a connect to a closed port of this machine that very port for its own end: TCP joins the two,
 * and a client would get its own bytes back.
 */
export function isConnectedToItself(socket: Socket): boolean {
  const { localPort, remotePort, localAddress, remoteAddress } = socket;
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress;
}

/** The system's name of an error, such as `ECONNREFUSED`. */
export function errorCode(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.name;
}

const NOTHING = Buffer.alloc(0);

/**
 * Has a socket whose connection was reset emit its 'error' and 'close', also where libuv has not noticed.
 *
 * libuv reports a reset that comes together with the last bytes as a regular end of stream (`uv__stream_io`, on
 * a partial read with POLLHUP). Writing nothing tells: the kernel refuses it on a connection that was reset.
 *
 * @param socket open for writing, and with bytes that may still be read
 */
export function provoke(socket: Socket): void {
  socket.write(NOTHING);
}

/** Large enough for most of what is ever left. */
const scratch = Buffer.allocUnsafe(64 * 1024);

/**
 * What the kernel still has of a socket that Node calls ended. Nothing, nearly always; but where bytes, an urgent mark or
 * descriptors cut a read short and the peer has gone, libuv takes that for the end, and what is behind it stays unread. So
 * does the error of a reset: see `provoke`. Reading on gives both, whatever this side has written or ended.
 *
 * @param socket read to its end
 * @returns the bytes, and the error where the connection was reset behind them
 */
export function readOn(socket: Socket): { readonly rest: Buffer; readonly error?: Error } {
  const fd = descriptorOf(socket);
  const chunks: Buffer[] = [];
  try {
    // Without descriptors it is another libuv, which has no such end.
    for (let count = 1; fd >= 0 && count > 0; ) {
      count = readSync(fd, scratch);
      chunks.push(Buffer.from(scratch.subarray(0, count)));
    }
    return { rest: Buffer.concat(chunks) };
  } catch (error) {
    return { rest: Buffer.concat(chunks), error: error as Error };
  }
}

/** What connecting ends with when the backend had accepted and then reset, before or after its FIN. */
export function wasConnected(error: Error): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(errorCode(error));
}
