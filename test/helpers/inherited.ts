/** Listening sockets as a process inherits them: descriptors that no server of this process knows of. */
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { type AddressInfo, type ListenOptions, Server } from 'node:net';
import { onTestFinished } from 'vitest';
import { loadAddon } from '../../src/engine/native/addon.js';
import type { NativeBinding } from '../../src/engine/native/binding.js';

/** One open socket with two descriptors: one to give away, the other is the service manager's. */
export interface ListeningSocket {
  /** Where clients connect: a port of the loopback, or a path. */
  readonly target: number | string;
  /** Whoever gets it closes it. */
  readonly descriptor: number;
}

function binding(): NativeBinding {
  const addon = loadAddon();
  if (!addon.ok) throw new Error(`the tests need the addon: ${addon.reason}`);
  return addon.binding;
}

/** The descriptor of a handle of Node's. */
export function descriptorOf(holder: object): number {
  return (holder as { _handle: { fd: number } })._handle.fd;
}

/** Another descriptor for the same open file, which the caller owns. */
export function duplicate(descriptor: number): number {
  const second = binding().duplicateDescriptor(descriptor);
  if (second < 0) throw new Error(`descriptor ${descriptor} has no second one: errno ${-second}`);
  return second;
}

export function closeDescriptor(descriptor: number): void {
  binding().closeDescriptor(descriptor);
}

/** Opens a socket that listens, also after whoever got its descriptor is done with it, until the test ends. */
export async function listeningSocket(where: ListenOptions): Promise<ListeningSocket> {
  const server = new Server();
  server.listen(where);
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  const descriptor = duplicate(descriptorOf(server));
  const managers = duplicate(descriptor);
  onTestFinished(() => closeDescriptor(managers));
  // Node accepts no more, and the descriptors keep the socket alive. It would remove the file of a path as well.
  const file = typeof address === 'string' && !address.startsWith('\0') ? address : undefined;
  if (file !== undefined) renameSync(file, `${file}~`);
  server.close();
  if (file !== undefined) renameSync(`${file}~`, file);
  return { target: typeof address === 'string' ? address : address.port, descriptor };
}
