import { readFileSync } from 'node:fs';

/** TCP_LISTEN of the kernel's include/net/tcp_states.h. */
const listenState = '0A';

/**
 * Whether anyone listens on a port in the network namespace of a process. Unlike a connection, this
 * reaches into other namespaces and leaves no session behind.
 *
 * @param {number} pid
 * @param {number} port of IPv4
 */
export function isListening(pid, port) {
  try {
    const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n');
    return lines.some((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return local?.endsWith(suffix) && state === listenState;
    });
  } catch {
    return false;
  }
}
