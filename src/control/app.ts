/** The requests of a control socket: found, checked, and answered in JSON. */
import type { IncomingMessage } from 'node:http';
import { issuesFromSchema, issuesToError } from '../config/issues.js';
import { SplicewayError } from '../errors/catalogue.js';
import { Hono } from '../vendor/hono.js';
import {
  answer,
  answerProblem,
  type Call,
  checkQuery,
  type Served,
  wrongMethod,
} from './answer.js';
import { type AskedChange, Changes } from './changes.js';
import { Followers } from './followers.js';
import { SILENT_MS } from './http-server.js';
import { LargePlace } from './large-place.js';
import { describeControl } from './openapi.js';
import { waitUntilEmpty } from './operations.js';
import { peerOf } from './peer.js';
import { InvalidRequest } from './problem.js';
import {
  type Changing,
  type Route,
  type RouteContext,
  type RouteRequest,
  routes,
} from './routes.js';
import { schemas } from './schemas.js';
import type { ControlAudit } from './types.js';

/** A hundred thousand backends, with names and tags. What is larger than any other body may be has one place, `LargePlace`. */
const LARGEST_CONFIG = 16 * 1024 * 1024;
const LARGEST_BODY = 64 * 1024;
/** Who follows events, or waits for a drain; more would take the connections of all others. */
const MOST_WAITING = 16;

export interface AppHost extends Omit<RouteContext, 'changes'> {
  audit(change: ControlAudit): void;
}

export class ControlApp {
  readonly #context: RouteContext;
  readonly #followers: Followers;
  readonly #hono = new Hono<Served>();
  readonly #large = new LargePlace();
  #waiting = 0;
  /** In OpenAPI; made when somebody wants it. */
  #description: object | undefined;

  constructor({ audit, ...context }: AppHost) {
    const { proxy } = context;
    this.#followers = new Followers(proxy);
    const changes = new Changes({
      proxy,
      audit,
      onMade: (change) => this.#followers.changed(change),
    });
    this.#context = { ...context, changes };
    this.#register();
  }

  /** For `getRequestListener()`. */
  readonly fetch = (request: Request, bindings: unknown): Response | Promise<Response> =>
    this.#hono.fetch(request, bindings as Served['Bindings']);

  /** Ends the streams, and makes no change that has not begun. */
  close(): void {
    this.#followers.close();
    this.#context.changes.close();
  }

  #register(): void {
    this.#hono.onError((error, call) => answerProblem(call, error));
    this.#hono.notFound((call) => answerProblem(call, noSuchPath()));
    // It would run what GET does, and throw the answer away.
    this.#hono.use(async (call, next) =>
      call.req.raw.method === 'HEAD' ? answerProblem(call, wrongMethod(['GET'])) : await next(),
    );
    this.#hono.get('/v1/openapi.json', (call) => {
      this.#description ??= describeControl();
      return answer(call, this.#description);
    });
    for (const route of routes) this.#add(route);
    const paths = new Set(routes.map(({ path }) => path));
    for (const path of paths) {
      const methods = routes.filter((route) => route.path === path).map(({ method }) => method);
      this.#hono.all(asPattern(path), (call) =>
        answerProblem(call, wrongMethod(methods.map((method) => method.toUpperCase()))),
      );
    }
  }

  #add(route: Route): void {
    const path = asPattern(route.path);
    if ('isStream' in route) {
      this.#hono.get(path, (call) => this.#follow(call));
    } else if (route.method === 'get') {
      this.#hono.get(path, async (call) => {
        const answered = await route.answerTo(requestOf(call, route), this.#context);
        return this.#tagged(call, answered, this.#context.proxy.generation);
      });
    } else {
      this.#hono.on(route.method.toUpperCase(), path, (call) => this.#change(call, route));
    }
  }

  async #change(call: Call, route: Changing): Promise<Response> {
    try {
      return await this.#readAndChange(call, route);
    } finally {
      this.#large.leave(call);
    }
  }

  async #readAndChange(call: Call, route: Changing): Promise<Response> {
    const { request, asked } = await this.#read(call, route);
    const tried = route.tryOut?.(request, this.#context);
    if (tried !== undefined) return this.#tagged(call, tried, tried.generation);
    // It takes as long as it takes: a name server may be slow.
    const { socket } = call.env.incoming;
    socket.setTimeout(0);
    try {
      return await this.#makeAndWait(call, route, request, asked);
    } finally {
      socket.setTimeout(SILENT_MS);
    }
  }

  /** What is asked for; also what is refused for that is told to the audit. */
  async #read(call: Call, route: Changing): Promise<{ request: RouteRequest; asked: AskedChange }> {
    const who = {
      method: route.method.toUpperCase(),
      path: new URL(call.req.url).pathname,
      peer: peerOf(call.env.incoming.socket),
    };
    try {
      const body = await bodyOf(call, route, () => this.#large.enter(call));
      const told = route.told === undefined ? body : route.told(body);
      const expected = expectedBy(call.req.header('if-match'));
      return {
        request: { ...requestOf(call, route), body },
        asked: { ...who, asked: route.body === 'Nothing' ? undefined : told, expected },
      };
    } catch (error) {
      this.#context.changes.refuse(who, error);
      throw error;
    }
  }

  async #makeAndWait(
    call: Call,
    route: Changing,
    request: RouteRequest,
    asked: AskedChange,
  ): Promise<Response> {
    const { signal } = call.req.raw;
    const make = () =>
      this.#context.changes.make(asked, () => route.make(request, this.#context), signal);
    const waitMs = route.waitsFor?.(request);
    if (waitMs === undefined) {
      const { result } = await make();
      return this.#tagged(call, result, result.generation);
    }
    // Asked before anything is changed.
    const leave = this.#enterWaiting(asked);
    try {
      const { result, emptied } = await make();
      const drain = emptied && (await waitUntilEmpty(emptied, waitMs, signal));
      return this.#tagged(call, { ...result, drain }, result.generation);
    } finally {
      leave();
    }
  }

  #follow(call: Call): Response {
    const leave = this.#enterWaiting();
    // It is silent for as long as nothing happens.
    const { socket } = call.env.incoming;
    socket.setTimeout(0);
    const end = () => {
      leave();
      socket.setTimeout(SILENT_MS);
    };
    return call.body(this.#followers.follow(end), 200, {
      'Content-Type': 'application/x-ndjson',
      'Cache-Control': 'no-store',
    });
  }

  /**
   * @param asked a change that is refused where there is no place
   * @returns what gives the place back
   */
  #enterWaiting(asked?: AskedChange): () => void {
    if (this.#waiting >= MOST_WAITING) {
      const error = new SplicewayError(
        'ERR_SPLICEWAY_TOO_MANY_REQUESTS',
        `${MOST_WAITING} follow events or wait for a drain already, the most at a time; end one of them, or ask without waiting`,
      );
      if (asked !== undefined) this.#context.changes.refuse(asked, error);
      throw error;
    }
    this.#waiting += 1;
    return () => {
      this.#waiting -= 1;
    };
  }

  #tagged(call: Call, answered: unknown, generation: number): Response {
    call.header('ETag', `"${generation}"`);
    return answer(call, answered);
  }
}

/** `/v1/pools/{pool}` as the library has it. */
const asPattern = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');

const noSuchPath = () =>
  new InvalidRequest(
    404,
    'there is no such path; GET /v1/openapi.json describes all that there are',
  );

function requestOf(call: Call, { query: known = {} }: Route): RouteRequest {
  const query = call.req.query();
  checkQuery(query, Object.keys(known));
  return { params: call.req.param(), query, body: undefined };
}

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_REQUEST`, or what is wrong with a value */
async function bodyOf(
  call: Call,
  { body: name, isLarge }: Changing,
  onLarge: () => void,
): Promise<unknown> {
  const text = await textOf(call.env.incoming, isLarge ? LARGEST_CONFIG : LARGEST_BODY, onLarge);
  const schema = schemas[name];
  if (text === '' && schema.safeParse({}).success) return {};
  const type = call.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new InvalidRequest(
      415,
      'the body is not declared as JSON; send Content-Type: application/json',
    );
  }
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new InvalidRequest(400, `the body is not JSON: ${(error as Error).message}`);
  }
  const checked = schema.safeParse(given);
  if (checked.success) return checked.data;
  const explainKey = () => 'unknown; GET /v1/openapi.json has all that there are';
  throw issuesToError(issuesFromSchema(checked.error.issues, explainKey));
}

/** Reads all of it, before anything is done: a request that is cut does nothing. */
async function textOf(
  incoming: IncomingMessage,
  mostBytes: number,
  onLarge: () => void,
): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Whoever sends too much is to read why: the connection stays.
  for await (const part of incoming.iterator({ destroyOnReturn: false })) {
    bytes += part.length;
    if (bytes > mostBytes) {
      throw new InvalidRequest(413, `the body has more than ${mostBytes} bytes, the most here`);
    }
    if (bytes > LARGEST_BODY) onLarge();
    parts.push(part);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new InvalidRequest(400, 'the body is not text in UTF-8');
  }
}

/** The generations that If-Match names; `undefined` where any will do. */
function expectedBy(header: string | undefined): readonly number[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  return header.split(',').map((part) => {
    const [, generation] = /^\s*"(\d+)"\s*$/.exec(part) ?? [];
    if (generation !== undefined) return Number(generation);
    throw new InvalidRequest(400, 'If-Match is not a generation in quotes, as ETag tells it: "3"');
  });
}
