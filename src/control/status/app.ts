/** The requests of a status address: they ask, and change nothing. */
import type { ServerResponse } from 'node:http';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';
import { accepts, Hono } from '../../vendor/hono.js';
import {
  answer,
  answerProblem,
  type Call,
  checkQuery,
  type Served,
  wrongMethod,
} from '../answer.js';
import { InvalidRequest } from '../problem.js';
import { statusOf } from '../status.js';
import { asStream } from './as-stream.js';
import { isMeant, isOfOtherPage } from './hosts.js';
import { contentTypes, exposition, type Format } from './metrics/exposition.js';
import { takeSnapshot } from './metrics/snapshot.js';
import { type CollectorName, collectorNames } from './metrics/table.js';
import { TransportSamples } from './metrics/transport-samples.js';
import { Places } from './places.js';
import { readinessOf, STARTING } from './readiness.js';
import { toldTo } from './told.js';
import type { LastReload } from './types.js';
import { Watch } from './watch.js';
import { addWatchRoutes } from './watch-routes.js';

/** What a browser is told of every answer: nothing of it is for other pages, and it may load nothing. */
export const headers = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

const methods = ['GET', 'HEAD'];

/** Of what it tells. */
export interface Told {
  readonly proxy: RunningProxy;
  readonly name: string;
  readonly since: number;
  readonly lastReload: (() => LastReload) | undefined;
}

export class StatusApp {
  readonly #hosts: ReadonlySet<string>;
  readonly #hono = new Hono<Served>();
  readonly #places = new Places();
  /** `undefined` until it has begun. */
  #told: Told | undefined;
  #watch: Watch | undefined;
  #transport: TransportSamples | undefined;

  /** @param hosts names that requests may have, in small letters */
  constructor(hosts: ReadonlySet<string>) {
    this.#hosts = hosts;
    this.#register();
  }

  serve(told: Told): void {
    this.#told = told;
    this.#watch = new Watch(told);
    this.#transport = new TransportSamples(told.proxy);
  }

  /** Whether an answer goes on for as long as somebody reads it. */
  isEndless(response: ServerResponse): boolean {
    return this.#watch?.isWatched(response) ?? false;
  }

  /** Ends what goes on. */
  close(): void {
    this.#watch?.close();
  }

  /** For `createHttpServer()`. */
  readonly fetch = (request: Request, bindings: unknown): Response | Promise<Response> =>
    this.#hono.fetch(request, bindings as Served['Bindings']);

  #register(): void {
    const hono = this.#hono;
    hono.onError((error, call) => answerProblem(call, error));
    hono.notFound((call) => answerProblem(call, noSuchPath()));
    hono.use(async (call, next) => {
      for (const [header, value] of Object.entries(headers)) call.header(header, value);
      this.#check(call);
      await next();
    });
    hono.get('/healthz', (call) => {
      checkQuery(call.req.query(), []);
      return answer(call, { healthy: true });
    });
    hono.get('/readyz', (call) => {
      checkQuery(call.req.query(), ['pool']);
      const readiness = readinessOf(this.#told?.proxy, call.req.queries('pool'));
      return answer(call, readiness, readiness.ready ? 200 : 503);
    });
    hono.get('/metrics', (call) => this.#metrics(call));
    hono.get('/api/v1/status', (call) => {
      checkQuery(call.req.query(), []);
      this.#places.take(call.env.outgoing as ServerResponse);
      const { proxy, name, since } = this.#begun();
      return answer(call, toldTo(statusOf(proxy, name, since, undefined)));
    });
    addWatchRoutes(hono, this.#places, () => {
      this.#begun();
      return this.#watch as Watch;
    });
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_INVALID_REQUEST` where there is nothing to tell of yet */
  #begun(): Told {
    if (this.#told !== undefined) return this.#told;
    throw new InvalidRequest(503, `${STARTING}, and there is nothing to tell yet; ask again`);
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_INVALID_REQUEST` */
  #check({ req, env }: Call): void {
    const { url = '' } = env.incoming;
    // A whole address, as a proxy is asked, has the last word over Host.
    const [, whole] = /^[a-z]+:\/\/([^/?#]*)/i.exec(url) ?? [];
    const host = [req.header('host'), whole].find((name) => !isMeant(name, this.#hosts));
    if (host !== undefined) {
      throw new InvalidRequest(
        421,
        `${JSON.stringify(host)} is no name of this address; ask by an IP address, or have it listed by --status-host, or by hosts of createStatus()`,
      );
    }
    if (isOfOtherPage((name) => req.header(name))) {
      throw new InvalidRequest(
        403,
        'the browser says that another page asks, and nothing here is for other pages; open this address itself',
      );
    }
    if (!methods.includes(req.raw.method)) throw wrongMethod(methods);
  }

  async #metrics(call: Call): Promise<Response> {
    checkQuery(call.req.query(), ['collect[]']);
    const collected = collectorsIn(call.req.queries('collect[]'));
    const format = formatFor(call);
    this.#places.take(call.env.outgoing as ServerResponse);
    const transport = collected.has('transport') ? this.#transport : undefined;
    const snapshot = await takeSnapshot({ ...this.#begun(), transport });
    const body = asStream(exposition(snapshot, collected, format));
    return call.body(body, 200, { 'Content-Type': contentTypes[format] });
  }
}

const noSuchPath = () =>
  new InvalidRequest(
    404,
    'there is no such path; there are /, /healthz, /readyz, /metrics, and /api/v1/ with status, sessions, history and events',
  );

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_REQUEST` */
function collectorsIn(asked: readonly string[] = collectorNames): ReadonlySet<CollectorName> {
  const unknown = asked.find((name) => !collectorNames.includes(name as CollectorName));
  if (unknown === undefined) return new Set(asked as CollectorName[]);
  throw new InvalidRequest(
    400,
    `collect[]=${unknown} is unknown; there are ${collectorNames.join(', ')}`,
  );
}

/** What Prometheus prefers is what it gets. */
function formatFor(call: Call): Format {
  const [text, openMetrics] = ['text/plain', 'application/openmetrics-text'];
  const supports = [openMetrics, text];
  const type = accepts(call, { header: 'Accept', supports, default: text });
  return type === openMetrics ? 'openmetrics' : 'text';
}
