/** Moving a socket from Node to the loops. */
import type { Socket } from 'node:net';
import { descriptorOf, type Reading, readingOf } from '../check-socket.js';
import { takeOver } from '../take-over.js';
import type { NativeBinding } from './binding.js';

/** A descriptor that Node knows nothing of, with what had been read from the socket before. */
export interface TakenSocket {
  readonly fd: number;
  readonly prefix: Uint8Array | undefined;
  readonly reading: Reading;
}

/**
 * Takes sockets that `checkSocket` accepted: all of them, or none and errno's number. What of each was read by others comes
 * first, from `heads`.
 *
 * Reading and letting go happen in one tick, so libuv cannot read in between. A socket goes by `destroy()`,
 * which only closes Node's descriptor: `end()` would send a FIN on the shared connection, and
 * `resetAndDestroy()` would leave SO_LINGER set on it.
 */
export function takeSockets<const Sockets extends readonly Socket[]>(
  binding: NativeBinding,
  sockets: Sockets,
  heads: readonly (Uint8Array | undefined)[],
): { [Index in keyof Sockets]: TakenSocket } | number {
  const descriptors: number[] = [];
  for (const socket of sockets) {
    const fd = binding.duplicateDescriptor(descriptorOf(socket));
    if (fd < 0) {
      for (const taken of descriptors) binding.closeDescriptor(taken);
      return -fd;
    }
    descriptors.push(fd);
  }
  const taken = sockets.map((socket, index) => {
    const reading = readingOf(socket);
    const prefix = joined(heads[index], readBuffered(socket));
    // What was queued for writing is written by now, so an error could only be about Node's descriptor.
    socket.on('error', () => {});
    socket.destroy();
    return { fd: descriptors[index], prefix, reading };
  });
  return taken as { [Index in keyof Sockets]: TakenSocket };
}

function joined(first: Uint8Array | undefined, second: Uint8Array | undefined) {
  return first === undefined || second === undefined
    ? (first ?? second)
    : Buffer.concat([first, second]);
}

/** What is in the socket's read buffer. Reading it must not start a new read from the descriptor. */
function readBuffered(socket: Socket): Uint8Array | undefined {
  takeOver(socket);
  if (socket.readableLength === 0) return undefined;
  // With the exact length, read() gives all that is buffered, also after the end of the stream.
  const chunk: Buffer | null = socket.read(socket.readableLength);
  return chunk ?? undefined;
}

/**
 * Calls `then` when all that was queued for writing on the sockets has been given to the kernel: at once where
 * nothing is queued. A socket that fails counts as written: whoever uses it next meets the error.
 */
export function whenWritten(sockets: readonly Socket[], then: () => void): void {
  const busy = sockets.find((socket) => socket.writableLength > 0 && !socket.destroyed);
  if (busy === undefined) {
    then();
    return;
  }
  // The callback of an empty write comes after those of all writes before it.
  busy.write('', () => whenWritten(sockets, then));
}
