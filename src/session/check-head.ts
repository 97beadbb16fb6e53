/** Bytes that a program has read from a socket, and gives back with it. */
import type { Socket } from 'node:net';
import { readingOf } from '../engine/check-socket.js';
import { SplicewayError } from '../errors/catalogue.js';

/**
 * Checks that `head` is all that the program has read from the socket, so that no byte is lost and none comes twice. What
 * an HTTP parser has read before it let the socket go is nobody's to count.
 *
 * @param option its name, for the message
 * @returns a copy that no one else has; `undefined` where there is nothing to send
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` or `ERR_SPLICEWAY_HEAD_MISMATCH`
 */
export function checkHead(
  option: string,
  socket: Socket,
  head: Uint8Array | undefined,
): Uint8Array | undefined {
  if (head === undefined) return undefined;
  if (!(head instanceof Uint8Array)) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_OPTION',
      `${option} is not a Buffer or Uint8Array; pass the bytes as they were read`,
    );
  }
  // What is in the read buffer has not been given to the program, or was put back.
  const { bytesRead, hadParser } = readingOf(socket);
  const read = bytesRead - socket.readableLength;
  if (!hadParser && read !== head.length) throw mismatch(option, read, head.length);
  return head.length === 0 ? undefined : Uint8Array.from(head);
}

function mismatch(option: string, read: number, given: number): SplicewayError {
  const what =
    read > given
      ? `${read} bytes were read from the socket, and ${option} has ${given}: the others went elsewhere; pause the socket ` +
        "in the first listener of 'data', and pass all that was read"
      : `${option} has ${given} bytes, and only ${Math.max(read, 0)} were read from the socket and not put back: the others ` +
        'would come twice, or are not its own; pass what was read, and put nothing back';
  return new SplicewayError(
    'ERR_SPLICEWAY_HEAD_MISMATCH',
    `${what}; to keep bytes, or to add some, pause(), unshift() what the other side is to get, and pass no ${option}`,
  );
}
