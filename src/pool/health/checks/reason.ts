/** Failures of a connection, in a few words. */

/** What the reason of a failure begins with that is this machine's, and says nothing of the server. */
export const NOT_ASKED = 'not asked: ';

/** The whole reason where the source address is not there, or has no port left. */
export const NO_SOURCE = `${NOT_ASKED}no local address or port is left on this machine`;

/** @param error from a socket */
export function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connect refused';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'connection reset';
    case 'ETIMEDOUT':
      return 'connect timed out';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route to the server';
    case 'EAGAIN':
      return 'no room in the queue of its socket';
    case 'ENOENT':
      return 'no socket at its path';
    case 'EACCES':
      return 'not permitted to connect to its socket';
    case 'EMFILE':
    case 'ENFILE':
      return `${NOT_ASKED}no file descriptor is left on this machine`;
    case 'EADDRNOTAVAIL':
    // Node binds to a source address before it connects, and then this says that no port is left.
    case 'EADDRINUSE':
      return NO_SOURCE;
    default:
      return error.message;
  }
}

const LONGEST_QUOTE = 200;

/** What a server said of itself, in a message: on one line, not too long. */
export function told(text: string): string {
  const line = text
    .slice(0, LONGEST_QUOTE)
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  return text.length > LONGEST_QUOTE ? `${line}…` : line;
}

/** The same in quotes, of what may be anything. */
export function quoted(text: string): string {
  return JSON.stringify(told(text));
}
