/** An address that accepts client connections, through `net.Server`. */

import { once } from 'node:events';
import { closeSync, existsSync, linkSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { connect, type ListenOptions, Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { formatAddress } from '../config/address.js';
import type { Address } from '../config/types.js';
import { listenError } from './listen-error.js';

/** Linux cuts it to net.core.somaxconn, which is 4096 by default. */
const BACKLOG = 4096;

/** Where a listener is reached. For a unix listener `address` is the path and `port` is 0. */
export interface ListenerAddress {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6' | 'unix';
}

export interface ListenerEvents {
  /** The socket is paused: nothing has been read from it. */
  onConnection(socket: Socket): void;
  /** Accepting failed; the listener goes on. */
  onAcceptError(error: Error): void;
}

/** As `ChosenEngine.duplicateDescriptor`. */
export type DuplicateDescriptor = (descriptor: number) => number;

/**
 * Can pause: stop accepting while the kernel's queue goes on taking connections. Node has no public way to
 * do so (`server.close()` closes the queue with it), so the listening descriptor is duplicated: closing the
 * server then leaves the queue alive, and a new server takes it up again. The duplicate is made ahead,
 * for the moment to pause is when no descriptor is left.
 */
export class Listener {
  readonly #address: Address;
  readonly #events: ListenerEvents;
  readonly #duplicate: DuplicateDescriptor | undefined;
  #server: Server | undefined;
  #bound: ListenerAddress | undefined;
  /** The duplicate; -1 when there is none. */
  #reserve = -1;

  /** @param duplicate without it, `pause()` does nothing */
  constructor(address: Address, events: ListenerEvents, duplicate?: DuplicateDescriptor) {
    this.#address = address;
    this.#events = events;
    this.#duplicate = duplicate;
  }

  /**
   * Resolves when connections are accepted.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_LISTEN`
   */
  async open(): Promise<void> {
    const address = this.#address;
    try {
      if (address.kind === 'unix') await preparePath(address.path);
      const server = this.#createServer();
      server.listen({ ...listenOptions(address), backlog: BACKLOG });
      await once(server, 'listening');
      this.#started(server);
      this.#bound = addressOf(server);
    } catch (error) {
      throw listenError(formatAddress(address), error as Error);
    }
  }

  /** Where it is bound, with the real port. */
  get address(): ListenerAddress {
    if (this.#bound === undefined) throw new Error('the listener is not open');
    return this.#bound;
  }

  /** As the user wrote it, but with the real port. */
  get name(): string {
    if (this.#address.kind === 'unix') return formatAddress(this.#address);
    return formatAddress({ ...this.#address, port: this.address.port });
  }

  /** Stops accepting; clients queue in the kernel. False when that is not possible here, or not now. */
  pause(): boolean {
    const server = this.#server;
    if (server === undefined) return true;
    if (this.#reserve < 0) this.#reserve = this.#duplicateOf(server);
    if (this.#reserve < 0) return false;
    this.#server = undefined;
    closeKeepingPath(server, this.#address);
    return true;
  }

  /** Accepts again, first of all what queued meanwhile. */
  resume(): void {
    if (this.#server !== undefined || this.#reserve < 0) return;
    const server = this.#createServer();
    const descriptor = this.#reserve;
    this.#reserve = -1;
    this.#server = server;
    this.#reportErrorsOf(server);
    server.listen({ fd: descriptor, backlog: BACKLOG }, () => {
      if (this.#server === server) this.#reserve = this.#duplicateOf(server);
    });
  }

  /** Stops for good, at once: from now on clients are refused. Sessions are not affected. */
  close(): void {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    if (this.#reserve >= 0) closeSync(this.#reserve);
    this.#reserve = -1;
    // A server that was resumed from a descriptor does not know the path and leaves the file behind.
    if (this.#address.kind === 'unix' && this.#bound !== undefined)
      rmSync(this.#address.path, { force: true });
  }

  #createServer(): Server {
    const server = new Server({ pauseOnConnect: true, allowHalfOpen: true });
    server.on('connection', (socket) => this.#events.onConnection(socket));
    return server;
  }

  #started(server: Server): void {
    this.#server = server;
    this.#reserve = this.#duplicateOf(server);
    this.#reportErrorsOf(server);
  }

  /** An error of accept() arrives as 'error' of the server, which would end the program unheard. */
  #reportErrorsOf(server: Server): void {
    server.on('error', (error) => this.#events.onAcceptError(error));
  }

  /** Node has no public way to ask a server for its descriptor; this reads the handle that it keeps. */
  #duplicateOf(server: Server): number {
    const { _handle: handle } = server as Server & { _handle?: { fd?: number } | null };
    return this.#duplicate?.(handle?.fd ?? -1) ?? -1;
  }
}

function addressOf(server: Server): ListenerAddress {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') {
    return { address: bound ?? '', port: 0, family: 'unix' };
  }
  const family = bound.family === 'IPv6' ? 'IPv6' : 'IPv4';
  return { address: bound.address, port: bound.port, family };
}

/**
 * Closes a server without its socket file: libuv removes the file of a unix server that it closes, so the file
 * gets a second name before and the first one back after. A client that comes in the microseconds
 * between finds no file.
 */
function closeKeepingPath(server: Server, address: Address): void {
  if (address.kind === 'tcp') {
    server.close();
    return;
  }
  const second = `${address.path}~`;
  rmSync(second, { force: true });
  linkSync(address.path, second);
  server.close();
  renameSync(second, address.path);
}

function listenOptions(address: Address): ListenOptions {
  if (address.kind === 'unix') return { path: address.path };
  // Without a host, Node listens on :: for IPv6 and IPv4 both, or on 0.0.0.0 where there is no IPv6.
  if (address.host === '') return { port: address.port };
  return { port: address.port, host: address.host };
}

/** Removes the socket file that a dead process left: one that refuses connections. */
async function preparePath(path: string): Promise<void> {
  // libuv reports a missing folder as EACCES.
  if (!existsSync(dirname(path))) {
    throw Object.assign(new Error(`${dirname(path)} does not exist`), { code: 'ENOENT' });
  }
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  // Connecting to a plain file is refused as well, and that one is not ours to remove.
  if (!file.isSocket()) throw Object.assign(new Error(`${path} is a file`), { code: 'ENOTSOCK' });
  const probe = connect(path);
  try {
    await once(probe, 'connect');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') rmSync(path, { force: true });
    return;
  } finally {
    probe.destroy();
  }
  // In use: listening fails with EADDRINUSE, which says so.
}
