/** The control socket itself: its file, and the limits of who connects to it. Loaded when the first one is made. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { SocketFile } from '../entrance/socket-file.js';
import { SplicewayError } from '../errors/catalogue.js';
import { listenError } from '../errors/listen-error.js';
import type { Address } from '../model/address.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { ControlApp } from './app.js';
import {
  closeHttpServer,
  createHttpServer,
  type Fetch,
  keepNothingRunning,
} from './http-server.js';
import type { ControlledFile } from './routes.js';
import type { Control, ControlOptions } from './types.js';

type ServeOptions = Omit<ControlOptions, 'path'>;

/** Nobody but the owner, and root. */
const MODE = 0o600;
/** At once; whoever comes then is disconnected. Half of the descriptors that the engine leaves to JavaScript. */
const MOST_CONNECTIONS = 32;

/**
 * A control socket. Once it is claimed, nobody else can have its path. Whoever asks before there is a proxy to serve waits for
 * that.
 */
export class ControlSocket {
  readonly path: string;
  readonly address: Address;
  readonly #file: SocketFile;
  readonly #server: Server;
  readonly #app: Promise<ControlApp>;
  #begin: (app: ControlApp) => void = () => {};
  #end: () => void = () => {};
  #allow: () => void = () => {};
  #closing: Promise<void> | undefined;

  private constructor(path: string) {
    this.path = path;
    this.address = { kind: 'unix', path };
    this.#file = new SocketFile(path, { mode: MODE });
    this.#app = new Promise((resolve) => {
      this.#begin = resolve;
    });
    const fetch: Fetch = async (...request) => (await this.#app).fetch(...request);
    this.#server = createHttpServer(fetch, { mostConnections: MOST_CONNECTIONS, wantsHost: true });
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_LISTEN`, also where another process has it */
  static async claim(path: string): Promise<ControlSocket> {
    const socket = new ControlSocket(path);
    const server = socket.#server;
    await listen(server, socket.#file, path);
    keepNothingRunning(server);
    return socket;
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` where a backend of the proxy is this socket */
  serve(
    proxy: RunningProxy,
    { name = this.path, audit = () => {}, ...options }: ServeOptions,
  ): Control {
    const { path } = this;
    this.#allow = proxy.reserve(this.address);
    const file = controlledFile(options);
    const app = new ControlApp({ proxy, name, since: Date.now(), file, audit });
    this.#end = () => app.close();
    this.#begin(app);
    return { path, close: () => this.close() };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#end();
    await closeHttpServer(this.#server, () => this.#file.closeFor(() => this.#server.close()));
    this.#allow();
  }
}

function controlledFile({ file, reload, compare }: ServeOptions): ControlledFile | undefined {
  if (reload === undefined) return undefined;
  return {
    name: file,
    reload,
    compare: () => {
      if (compare !== undefined) return compare();
      throw new SplicewayError(
        'ERR_SPLICEWAY_INVALID_OPTION',
        'nobody can tell what a reload would change: createControl() was given no compare',
      );
    },
  };
}

async function listen(server: Server, file: SocketFile, path: string): Promise<void> {
  try {
    await file.prepare();
    const listening = once(server, 'listening');
    file.bindBy(() => server.listen({ path, exclusive: true }));
    await listening;
    // Without a descriptor for who comes, the system cuts them off. It would end the program unheard.
    server.on('error', () => {});
    file.bound();
    file.permit();
  } catch (error) {
    server.close();
    throw listenError(`unix:${path}`, error as Error);
  }
}
