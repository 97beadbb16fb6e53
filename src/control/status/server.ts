/** The status address itself: its socket, and the limits of who connects to it. Loaded when the first one is made. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asAddress, type ListenerAddress } from '../../entrance/listener.js';
import { listenError } from '../../errors/listen-error.js';
import { type Address, formatAddress } from '../../model/address.js';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';
import { closeHttpServer, createHttpServer, keepNothingRunning } from '../http-server.js';
import { headers, StatusApp } from './app.js';
import { Connections } from './connections.js';
import type { StatusPlace } from './create.js';
import type { StatusAddress, StatusOptions } from './types.js';

/**
 * Opens it before there is a proxy: a start that fails on it has cut nobody off, and probes hear that it begins.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_LISTEN`
 */
export async function claimStatus({ host, port, hosts }: StatusPlace): Promise<StatusSocket> {
  const app = new StatusApp(hosts);
  const server = createHttpServer(app.fetch, { wantsHost: false, headers });
  new Connections(server, (response) => app.isEndless(response));
  const address = await listen(server, host, port);
  keepNothingRunning(server);
  return new StatusSocket(app, server, address);
}

/** Made by `claimStatus()`. */
export class StatusSocket {
  readonly #app: StatusApp;
  readonly #server: Server;
  readonly #since = Date.now();
  readonly #address: ListenerAddress;
  #allow: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(app: StatusApp, server: Server, address: ListenerAddress) {
    this.#app = app;
    this.#server = server;
    this.#address = address;
  }

  /** Where no backend may be. */
  get address(): Address {
    return asAddress(this.#address);
  }

  /**
   * Has it tell of a proxy from now on.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` where a backend is this address
   */
  serve(proxy: RunningProxy, options: Pick<StatusOptions, 'name' | 'lastReload'>): StatusAddress {
    const { name = formatAddress(this.address), lastReload } = options;
    this.#allow = proxy.reserve(this.address);
    this.#app.serve({ proxy, name, since: this.#since, lastReload });
    return {
      address: this.#address,
      url: `http://${formatAddress(this.address)}/`,
      close: () => this.close(),
    };
  }

  /** Every call returns the same promise. */
  close(): Promise<void> {
    this.#app.close();
    this.#closing ??= closeHttpServer(this.#server, () => this.#server.close()).then(() =>
      this.#allow?.(),
    );
    return this.#closing;
  }
}

async function listen(server: Server, host: string, port: number): Promise<ListenerAddress> {
  try {
    const listening = once(server, 'listening');
    // Without a host, Node listens on :: for IPv6 and IPv4 both, or on 0.0.0.0 where there is no IPv6.
    server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) });
    await listening;
    // Without a descriptor for who comes, the system cuts them off. It would end the program unheard.
    server.on('error', () => {});
  } catch (error) {
    server.close();
    throw listenError(formatAddress({ kind: 'tcp', host, port }), error as Error);
  }
  const bound = server.address() as AddressInfo;
  return {
    address: bound.address,
    port: bound.port,
    family: bound.family === 'IPv6' ? 'IPv6' : 'IPv4',
  };
}
