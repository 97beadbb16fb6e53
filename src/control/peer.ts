/** Who is at the other end of the socket. */
import type { Socket } from 'node:net';
import { loadAddon } from '../engine/native/addon.js';
import type { ControlPeer } from './types.js';

/** @returns nothing where that takes the addon, and there is none */
export function peerOf(socket: Socket): ControlPeer | undefined {
  const addon = loadAddon();
  // Node has no public way to ask a socket for its descriptor; this reads the handle that it keeps.
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } | null };
  const fd = handle?.fd ?? -1;
  return addon.ok && fd >= 0 ? addon.binding.peerCredentials(fd) : undefined;
}
