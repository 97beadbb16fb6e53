/** The HTTP server of the control socket and of the status address: whoever connects cannot wear it out. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { clearTimeout, setTimeout } from '../timers.js';
import { getRequestListener, RequestError } from '../vendor/hono.js';
import { InvalidRequest, problemOf } from './problem.js';

/** After so long without a byte either way, whoever is connected is let go, unless it waits for something. */
export const SILENT_MS = 30_000;

/** Of one connection, which may send them all at once. The next ones come by another connection. */
const MOST_REQUESTS = 64;

/** Of requests that have none. */
const HOSTNAME = 'spliceway';

/** For whoever is being answered when the server closes. */
const GRACE_MS = 500;

const limits = {
  maxHeaderSize: 16 * 1024,
  /** From the connection, or the answer before, to the end of the headers, and of the body. */
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
} as const;

/** What answers a request. */
export type Fetch = Parameters<typeof getRequestListener>[0];

export interface HttpServerOptions {
  /** At once; whoever comes then is disconnected. Default: any number. */
  readonly mostConnections?: number;
  /** Whether a request without a host is told that it lacks one. Else it is answered in HTTP/1.0, as which probes ask. */
  readonly wantsHost: boolean;
  /** Of answers to requests that come no further than this server. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Does not listen yet. */
export function createHttpServer(
  fetch: Fetch,
  { mostConnections, wantsHost, headers = {} }: HttpServerOptions,
): Server {
  const listener = getRequestListener(fetch, {
    overrideGlobalObjects: false,
    errorHandler: (error) => refuse(error, headers),
    ...(wantsHost ? {} : { hostname: HOSTNAME }),
  });
  // Node would give no reason; `refuse()` does.
  const server = createServer({ ...limits, requireHostHeader: !wantsHost }, listener);
  if (mostConnections !== undefined) server.maxConnections = mostConnections;
  server.maxRequestsPerSocket = MOST_REQUESTS;
  server.setTimeout(SILENT_MS);
  return server;
}

/** Of a request that names no place here, as one without a host; and of what nobody foresaw. */
function refuse(error: unknown, headers: Readonly<Record<string, string>>): Response {
  const isRequest = error instanceof RequestError;
  const known = isRequest ? new InvalidRequest(400, badAddress(error)) : error;
  const problem = problemOf(known);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'Cache-Control': 'no-store',
      ...headers,
      'Content-Type': 'application/problem+json',
    },
  });
}

const badAddress = ({ message }: Error) =>
  `the request has no address that can be read (${message}); ask for a path, with a Host header, as in HTTP/1.1`;

/** The proxy is what keeps a program running. Call it when the server listens. */
export function keepNothingRunning(server: Server): void {
  server.unref();
  server.on('connection', (socket) => socket.unref());
}

/**
 * Streams have had their end, and answers that are under way get their rest.
 *
 * @param stopListening closes the server
 */
export async function closeHttpServer(server: Server, stopListening: () => void): Promise<void> {
  const closed = once(server, 'close');
  stopListening();
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(cut);
}
