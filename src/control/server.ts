/** The control socket itself: its file, and the limits of who connects to it. Loaded when the first one is made. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { SocketFile } from '../entrance/socket-file.js';
import { SplicewayError } from '../errors/catalogue.js';
import { listenError } from '../errors/listen-error.js';
import type { Address } from '../model/address.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { clearTimeout, setTimeout } from '../timers.js';
import { getRequestListener, RequestError } from '../vendor/hono.js';
import { ControlApp, SILENT_MS } from './app.js';
import { InvalidRequest, problemOf } from './problem.js';
import type { ControlledFile } from './routes.js';
import type { Control, ControlOptions } from './types.js';

type ServeOptions = Omit<ControlOptions, 'path'>;

/** Nobody but the owner, and root. */
const MODE = 0o600;
/** At once; whoever comes then is disconnected. Half of the descriptors that the engine leaves to JavaScript. */
const MOST_CONNECTIONS = 32;

/** Of one connection, which may send them all at once. The next ones come by another connection. */
const MOST_REQUESTS = 64;

/** For whoever is being answered when the socket closes. */
const GRACE_MS = 500;

const limits = {
  maxHeaderSize: 16 * 1024,
  /** From the connection, or the answer before, to the end of the headers, and of the body. */
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  /** Node would give no reason; `refuse()` does. */
  requireHostHeader: false,
} as const;

/** Of a request that names no place here, as one without a host; and of what nobody foresaw. */
function refuse(error: unknown): Response {
  const isRequest = error instanceof RequestError;
  const known = isRequest ? new InvalidRequest(400, badAddress(error)) : error;
  const problem = problemOf(known);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' },
  });
}

const badAddress = ({ message }: Error) =>
  `the request has no address that can be read (${message}); ask for a path, with a Host header, as in HTTP/1.1`;

/**
 * A control socket. Once it is claimed, nobody else can have its path. Whoever asks before there is a proxy to serve waits for
 * that.
 */
export class ControlSocket {
  readonly path: string;
  readonly address: Address;
  readonly #file: SocketFile;
  readonly #server: Server;
  readonly #listener: Promise<RequestListener>;
  #listenBy: (listener: RequestListener) => void = () => {};
  #app: ControlApp | undefined;
  #allow: () => void = () => {};
  #closing: Promise<void> | undefined;

  private constructor(path: string) {
    this.path = path;
    this.address = { kind: 'unix', path };
    this.#file = new SocketFile(path, { mode: MODE });
    this.#listener = new Promise((resolve) => {
      this.#listenBy = resolve;
    });
    this.#server = createServer(limits, (request, answer) => void this.#answer(request, answer));
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.maxRequestsPerSocket = MOST_REQUESTS;
    this.#server.setTimeout(SILENT_MS);
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_LISTEN`, also where another process has it */
  static async claim(path: string): Promise<ControlSocket> {
    const socket = new ControlSocket(path);
    const server = socket.#server;
    await listen(server, socket.#file, path);
    // The proxy is what keeps a program running.
    server.unref();
    server.on('connection', (connection) => connection.unref());
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
    this.#app = new ControlApp({ proxy, name, since: Date.now(), file, audit });
    const serving = { overrideGlobalObjects: false, errorHandler: refuse };
    this.#listenBy(getRequestListener(this.#app.fetch, serving));
    return { path, close: () => this.close() };
  }

  async #answer(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const listener = await this.#listener;
    // Whoever has left meanwhile asks for nothing any more.
    if (!answer.destroyed) listener(request, answer);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    const closed = once(server, 'close');
    this.#app?.close();
    this.#file.closeFor(() => server.close());
    server.closeIdleConnections();
    // Streams have an end, and answers that are under way their rest.
    const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    await closed;
    clearTimeout(cut);
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
