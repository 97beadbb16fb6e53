/** The control socket itself: its file, and the limits of who connects to it. Loaded when the first one is made. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { SocketFile } from '../entrance/socket-file.js';
import { SplicewayError } from '../errors/catalogue.js';
import { listenError } from '../errors/listen-error.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { clearTimeout, setTimeout } from '../timers.js';
import { getRequestListener } from '../vendor/hono.js';
import { ControlApp, SILENT_MS } from './app.js';
import type { ControlledFile } from './routes.js';
import type { Control, ControlOptions } from './types.js';

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
} as const;

/** @throws SplicewayError `ERR_SPLICEWAY_LISTEN`, `…_INVALID_OPTION` where a backend is this socket */
export async function openControl(
  proxy: RunningProxy,
  { path, name = path, audit = () => {}, ...options }: ControlOptions,
): Promise<Control> {
  const file = controlledFile(options);
  const app = new ControlApp({ proxy, name, since: Date.now(), file, audit });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer(limits, listener);
  server.maxConnections = MOST_CONNECTIONS;
  server.maxRequestsPerSocket = MOST_REQUESTS;
  server.setTimeout(SILENT_MS);
  const socketFile = new SocketFile(path, { mode: MODE });
  await listen(server, socketFile, path);
  let allow: () => void;
  try {
    allow = proxy.reserve({ kind: 'unix', path });
  } catch (error) {
    socketFile.closeFor(() => server.close());
    throw error;
  }
  // The proxy is what keeps a program running.
  server.unref();
  server.on('connection', (socket) => socket.unref());
  const close = async () => {
    const closed = once(server, 'close');
    app.close();
    socketFile.closeFor(() => server.close());
    server.closeIdleConnections();
    // Streams have an end, and answers that are under way their rest.
    const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    await closed;
    clearTimeout(cut);
    allow();
  };
  let closing: Promise<void> | undefined;
  return {
    path,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function controlledFile({
  file,
  reload,
  compare,
}: Omit<ControlOptions, 'path'>): ControlledFile | undefined {
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
