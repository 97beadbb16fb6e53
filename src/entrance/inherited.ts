/** Listening sockets that the process was started with, as service managers and parent processes pass them. */

import { loadAddon } from '../engine/native/addon.js';
import { type InheritedKind, inheritedKinds } from '../engine/native/binding.js';
import { SplicewayError } from '../errors/catalogue.js';

const pass =
  'have the service manager pass it (the first is 3), and start spliceway itself, not through npm or npx, which pass nothing on';

/** What is wrong with a descriptor, and what to do. */
const advice: Readonly<Record<Exclude<InheritedKind, 'listening'>, string>> = {
  'not open': `is not open; ${pass}`,
  'no socket': `is not a socket, so none was passed there; ${pass}`,
  'no stream': 'is not a stream socket; use ListenStream= in the socket unit',
  'other family': 'is a socket of neither IPv4, IPv6 nor Unix; listen on one of these',
  connected: 'is a connection, not a listener; use Accept=no in the socket unit',
  'not listening': 'is a socket that does not listen; whoever opened it has to call listen() first',
};

/**
 * Makes sure that a descriptor can be accepted on, before anything touches it.
 *
 * @returns the path of a unix socket, an abstract name after an `@`; else an empty text. Without the addon, too: then
 *   only Node will tell what the descriptor is
 * @throws SplicewayError `ERR_SPLICEWAY_LISTEN`
 */
export function inspectInherited(fd: number): string {
  const addon = loadAddon();
  if (!addon.ok) return '';
  const { kind: index, path } = addon.binding.inspectSocket(fd);
  const kind = inheritedKinds[index] ?? 'no socket';
  if (kind === 'listening') return path;
  const message = `cannot listen on fd:${fd}: descriptor ${fd} ${advice[kind]}`;
  throw new SplicewayError('ERR_SPLICEWAY_LISTEN', message, { address: `fd:${fd}` });
}
