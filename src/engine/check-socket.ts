/** Which sockets an engine can take. Both engines and the proxy ask here, so that they agree. */
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SplicewayError } from '../errors/catalogue.js';

/**
 * The file descriptor of an open socket, or -1. Node has no public way to ask (nodejs/node#8974), so this
 * reads the handle that `net.Socket` keeps.
 */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: unknown } | null };
  return typeof handle?.fd === 'number' ? handle.fd : -1;
}

/** A figure that changes whenever something of what is queued for writing has gone to the kernel. */
export function unwrittenBytes(socket: Socket): number {
  // A chunk counts as queued until its last byte has gone; what has gone of it only the handle knows.
  const { _handle: handle } = socket as Socket & { _handle?: { writeQueueSize?: number } | null };
  return socket.writableLength + (handle?.writeQueueSize ?? 0);
}

/**
 * The HTTP parser that reads from a socket, `null` once it has let it go, as before 'upgrade' and 'connect', and
 * `undefined` where there never was one. `node:http` keeps it there, and there is no public way to ask.
 */
function parserOf(socket: Socket): unknown {
  return (socket as Socket & { parser?: unknown }).parser;
}

/** What was read from a socket, and how. */
export interface Reading {
  /** Bytes that left the kernel. */
  readonly bytesRead: number;
  /** An HTTP parser was among those who read. */
  readonly hadParser: boolean;
}

/** Of sockets that are new objects for connections that had another before. */
const earlier = new WeakMap<Socket, Reading>();

/** Says what had been read of its connection when the socket was made. */
export function rememberReading(socket: Socket, reading: Reading): void {
  earlier.set(socket, reading);
}

/** What was read from the socket, and from those that its connection had before. */
export function readingOf(socket: Socket): Reading {
  const { bytesRead, hadParser } = earlier.get(socket) ?? { bytesRead: 0, hadParser: false };
  return {
    bytesRead: socket.bytesRead + bytesRead,
    hadParser: parserOf(socket) !== undefined || hadParser,
  };
}

/** Those that an engine has, or waits for. */
const taken = new WeakSet<Socket>();

/** From now on `checkSocket` refuses it: what two sessions read from one socket would reach two backends. */
export function markTaken(socket: Socket): void {
  taken.add(socket);
}

/** Takes that back: no session has read a byte of it. */
export function markReturned(socket: Socket): void {
  taken.delete(socket);
}

/**
 * Throws when the socket cannot become one side of a session. It changes nothing.
 *
 * A socket whose peer has ended its own stream is fine, and so is one with bytes in its read buffer.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_TLS_SOCKET` or `ERR_SPLICEWAY_SOCKET_UNUSABLE`
 */
export function checkSocket(socket: Socket): void {
  if (taken.has(socket)) {
    throw unusable('the socket belongs to a session already', 'hand each socket over once');
  }
  checkUsable(socket);
}

/** As `checkSocket`, also of a socket that is marked as taken. */
export function checkUsable(socket: Socket): void {
  if (!(socket instanceof Socket)) {
    throw unusable('this is not a net.Socket', 'pass the socket that a net.Server gave you');
  }
  if (socket instanceof TLSSocket) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_TLS_SOCKET',
      'the socket is a TLS socket: its bytes are encrypted in this process and cannot be relayed ' +
        'as they are; hand over the plain TCP socket before TLS starts, or relay it with pipe()',
    );
  }
  if (socket.destroyed) {
    throw unusable('the socket is destroyed', 'hand it over while it is open');
  }
  if (socket.connecting || socket.pending) {
    throw unusable('the socket is not connected yet', "wait for its 'connect' event");
  }
  if (socket.writableEnded) {
    throw unusable(
      'the socket is ended for writing',
      'create its server with allowHalfOpen: true if the peer may end first, and do not call end()',
    );
  }
  if (parserOf(socket) != null) {
    throw unusable(
      'an HTTP parser reads from the socket, and has taken bytes of it that cannot be had back',
      "hand over the socket of an 'upgrade' or 'connect' event with its head, or forward the request with an HTTP client",
    );
  }
  if (socket.readableEncoding !== null) {
    throw unusable(
      'setEncoding() was called on the socket, so its bytes were decoded to text',
      'hand it over without an encoding',
    );
  }
  // Windows has no descriptors; there the handle is enough, for only the stream engine runs there.
  if (process.platform !== 'win32' && descriptorOf(socket) < 0) {
    throw unusable('the socket has no file descriptor', 'hand over a connected TCP or unix socket');
  }
}

function unusable(what: string, advice: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_SOCKET_UNUSABLE', `${what}; ${advice}`);
}
