/** An address that accepts client connections, through `net.Server`. */

import cluster from 'node:cluster';
import { once } from 'node:events';
import { type ListenOptions, Server, type Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { keepAlive } from '../engine/keep-alive.js';
import type { Descriptors } from '../engine/native/descriptors.js';
import { listenError } from '../errors/listen-error.js';
import type { Address, ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import { inspectInherited } from './inherited.js';
import { SocketFile } from './socket-file.js';

/** Linux cuts it to net.core.somaxconn, which is 4096 by default. */
const BACKLOG = 4096;

/** Where a listener is reached. */
export interface ListenerAddress {
  /**
   * An IP address without brackets, `::` or `0.0.0.0` for all interfaces; of a unix listener the path, or an abstract name, which
   * only an inherited socket can have, after an `@`.
   */
  readonly address: string;
  /** The real port, also where 0 was asked for; of a unix listener 0. */
  readonly port: number;
  /** What kind of address it is. */
  readonly family: 'IPv4' | 'IPv6' | 'unix';
}

/** As the configuration would have it. */
export function asAddress({ address, port, family }: ListenerAddress): Address {
  return family === 'unix' ? { kind: 'unix', path: address } : { kind: 'tcp', host: address, port };
}

export interface ListenerEvents {
  /** The socket is paused: nothing has been read from it. */
  onConnection(socket: Socket): void;
  /** Accepting failed; the listener goes on. */
  onAcceptError(error: Error): void;
}

/**
 * Can pause: stop accepting while the kernel's queue goes on taking connections. Node has no public way to
 * do so (`server.close()` closes the queue with it), so the listening descriptor is duplicated: closing the
 * server then leaves the queue alive, and a new server takes it up again. The duplicate is made ahead,
 * for the moment to pause is when no descriptor is left.
 */
export class Listener {
  readonly #address: ListenAddress;
  readonly #events: ListenerEvents;
  readonly #descriptors: Descriptors | undefined;
  readonly #keepAliveMs: number;
  /** Of a unix listener. */
  readonly #file: SocketFile | undefined;
  #server: Server | undefined;
  /** The server that bound the address itself. Those after a pause know its descriptor and no path. */
  #binder: Server | undefined;
  #bound: ListenerAddress | undefined;
  /** The duplicate; -1 when there is none. */
  #reserve = -1;

  /**
   * @param descriptors without it, `pause()` does nothing
   * @param keepAliveMs after so much silence, the kernel asks clients of this server whether they are still there; 0 never
   */
  constructor(
    address: ListenAddress,
    events: ListenerEvents,
    descriptors?: Descriptors,
    keepAliveMs = 0,
  ) {
    this.#address = address;
    this.#events = events;
    this.#descriptors = descriptors;
    this.#keepAliveMs = keepAliveMs;
    if (address.kind === 'unix') this.#file = new SocketFile(address.path, address.access);
  }

  /**
   * Resolves when connections are accepted. A descriptor that was inherited belongs to the listener from here on;
   * whoever else has the socket keeps it when this one is closed. In a worker of `node:cluster` the primary process
   * owns the socket, and its file, and the workers share it.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_LISTEN`
   */
  async open(): Promise<void> {
    await this.#listen(cluster.isWorker);
    // A file that belongs to another user has no second names, so the server that bound it could never pause.
    if (this.#address.kind === 'unix' && this.#address.access?.user !== undefined) this.pause();
    const cause = this.#permit();
    if (cause !== undefined) throw listenError(formatAddress(this.#address), cause);
    this.resume();
  }

  /**
   * Opens it for somebody else to accept: clients queue in the kernel until `take()`, and then for whoever accepts. In
   * a worker of `node:cluster` it is the worker's own.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_LISTEN`
   */
  async openPaused(): Promise<void> {
    await this.#listen(false);
    // Node has looked for no client yet: there was no turn of the event loop since it began to listen. The file may
    // belong to another user afterwards, and of such a file there are no second names.
    const cause = this.#detach() ?? this.#permit();
    if (cause === undefined) return;
    this.close();
    throw listenError(formatAddress(this.#address), cause);
  }

  async #listen(isShared: boolean): Promise<void> {
    const address = this.#address;
    // The descriptors of a cluster are those of its primary process, and the workers ask that one to listen.
    const path = address.kind === 'fd' && !isShared ? inspectInherited(address.fd) : '';
    try {
      await this.#file?.prepare(isShared);
      const server = this.#createServer();
      const listening = once(server, 'listening');
      const listen = () =>
        server.listen({ ...listenOptions(address), backlog: BACKLOG, exclusive: !isShared });
      if (this.#file === undefined) listen();
      else this.#file.bindBy(listen);
      await listening;
      if (!isShared) {
        this.#file?.bound();
        this.#binder = server;
      }
      this.#started(server);
      this.#bound = addressOf(server, path || formatAddress(address));
    } catch (error) {
      throw listenError(formatAddress(address), error as Error);
    }
  }

  /** Returns why that cannot be. */
  #permit(): Error | undefined {
    try {
      this.#file?.permit();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** The descriptor of a listener that is paused, which the caller owns from now on. */
  take(): number {
    return this.#takeReserve();
  }

  /** As the user wrote it. */
  get configured(): ListenAddress {
    return this.#address;
  }

  /** Where it is bound, with the real port. */
  get address(): ListenerAddress {
    if (this.#bound === undefined) throw new Error('the listener is not open');
    return this.#bound;
  }

  /** As the user wrote it, but with the real port; where an inherited socket is bound. */
  get name(): string {
    if (this.#address.kind === 'unix') return formatAddress(this.#address);
    if (this.#address.kind === 'fd') return formatAddress(asAddress(this.address));
    return formatAddress({ ...this.#address, port: this.address.port });
  }

  /** Whether it is a socket that somebody else opened. */
  get isInherited(): boolean {
    return this.#address.kind === 'fd';
  }

  /**
   * Stops accepting; clients queue in the kernel. False, and still accepting, when that is not possible here or not
   * now. Never throws.
   */
  pause(): boolean {
    return this.#detach() === undefined;
  }

  /** Accepts again, first of all what queued meanwhile. */
  resume(): void {
    if (this.#server !== undefined || this.#reserve < 0) return;
    const server = this.#createServer();
    const descriptor = this.#takeReserve();
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
    if (server !== undefined && server === this.#binder && this.#file !== undefined) {
      this.#file.closeFor(() => server.close());
    } else {
      server?.close();
      this.#file?.remove();
    }
    const reserve = this.#takeReserve();
    if (reserve >= 0) this.#descriptors?.close(reserve);
  }

  /** Closes the server and keeps its descriptor. Returns why that cannot be; nothing was closed then. */
  #detach(): Error | undefined {
    const server = this.#server;
    if (server === undefined) return undefined;
    if (this.#reserve < 0) this.#reserve = this.#duplicateOf(server);
    if (this.#reserve < 0) {
      const code = getSystemErrorName(this.#reserve);
      return Object.assign(new Error(`the listener has no second descriptor (${code})`), { code });
    }
    const file = server === this.#binder ? this.#file : undefined;
    const failure = file?.keepWhile(() => server.close());
    if (failure !== undefined) return failure;
    if (file === undefined) server.close();
    this.#server = undefined;
    return undefined;
  }

  #createServer(): Server {
    const server = new Server({ pauseOnConnect: true, allowHalfOpen: true });
    server.on('connection', (socket) => {
      keepAlive(socket, this.#keepAliveMs);
      this.#events.onConnection(socket);
    });
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
    // In a worker of a cluster, Node has the primary process listen on a descriptor, and the numbers of a worker mean
    // something else there. The primary also removes the file of a socket once no worker has a server for it.
    if (this.#binder === undefined) return -1;
    const { _handle: handle } = server as Server & { _handle?: { fd?: number } | null };
    return this.#descriptors?.duplicate(handle?.fd ?? -1) ?? -1;
  }

  /** The duplicate, which the caller owns from now on; -1 when there is none. */
  #takeReserve(): number {
    const reserve = this.#reserve;
    this.#reserve = -1;
    if (reserve >= 0) this.#descriptors?.release(reserve);
    return reserve;
  }
}

/** @param path of a unix socket that Node did not bind, and so knows no path of */
function addressOf(server: Server, path: string): ListenerAddress {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') {
    return { address: bound ?? path, port: 0, family: 'unix' };
  }
  const family = bound.family === 'IPv6' ? 'IPv6' : 'IPv4';
  return { address: bound.address, port: bound.port, family };
}

function listenOptions(address: ListenAddress): ListenOptions & { readonly fd?: number } {
  if (address.kind === 'fd') return { fd: address.fd };
  if (address.kind === 'unix') return { path: address.path };
  // Without a host, Node listens on :: for IPv6 and IPv4 both, or on 0.0.0.0 where there is no IPv6.
  if (address.host === '') return { port: address.port };
  return { port: address.port, host: address.host };
}
