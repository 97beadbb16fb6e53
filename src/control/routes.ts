/** All that a control socket answers, in one table: the server goes by it, and its description is made of it. */

import { parseDuration } from '../config/duration.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { DrainResult } from '../proxy/handles.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { Changes } from './changes.js';
import {
  addBackend,
  beginDrain,
  changeBackend,
  changeListener,
  compareConfig,
  configOf,
  removeBackend,
  replaceConfig,
  statusOf,
} from './operations.js';
import { InvalidRequest } from './problem.js';
import type { SchemaName } from './schemas.js';
import type { BackendChange, ControlResult, DrainChange, ListenerChange } from './types.js';

/** What a route may use. */
export interface RouteContext {
  readonly proxy: RunningProxy;
  readonly name: string;
  readonly since: number;
  readonly changes: Changes;
  readonly reload: (() => Promise<ControlResult>) | undefined;
}

/** A request whose path, query and body were checked. */
export interface RouteRequest {
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface AnyRoute {
  /** As OpenAPI has it: `/v1/pools/{pool}`. */
  readonly path: string;
  readonly summary: string;
  readonly answer: SchemaName;
  /** Names of what may stand behind a `?`, and what they mean. */
  readonly query?: Readonly<Record<string, string>>;
}

/** Changes nothing. */
export interface Reading extends AnyRoute {
  readonly method: 'get';
  answerTo(request: RouteRequest, context: RouteContext): unknown;
}

/** A change that is in effect. */
export interface Made {
  readonly result: ControlResult;
  /** Of a drain: when the last session has left. */
  readonly emptied?: Promise<DrainResult>;
}

/** Changes something, in its turn. */
export interface Changing extends AnyRoute {
  readonly method: 'post' | 'put' | 'patch' | 'delete';
  readonly body: SchemaName;
  /** For a whole configuration. */
  readonly isLarge?: boolean;
  /** Keeps what is asked out of the audit. */
  readonly isSecret?: boolean;
  make(request: RouteRequest, context: RouteContext): Promise<Made>;
  /** What would be made, where the request asks no more. */
  tryOut?(request: RouteRequest, context: RouteContext): ControlResult | undefined;
  /** For how many milliseconds the answer waits for what comes of it; other changes go on meanwhile. */
  waitsFor?(request: RouteRequest): number | undefined;
}

/** Tells what happens, line by line, for as long as somebody reads. */
export interface Following extends AnyRoute {
  readonly method: 'get';
  readonly isStream: true;
}

export type Route = Reading | Changing | Following;

const done = async (result: Promise<ControlResult>): Promise<Made> => ({ result: await result });

const BACKEND = '/v1/pools/{pool}/backends/{backend}';
const paramsOf = ({ params: { pool = '', backend = '', name = '' } }: RouteRequest) => ({
  pool,
  backend,
  name,
});

export const routes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/status',
    summary: 'What runs, and how it is.',
    answer: 'Status',
    answerTo: (_, { proxy, name, since }) => statusOf(proxy, name, since),
  },
  {
    method: 'get',
    path: '/v1/config',
    summary: 'The options that run.',
    answer: 'Config',
    answerTo: (_, { proxy }) => configOf(proxy),
  },
  {
    method: 'put',
    path: '/v1/config',
    summary: 'Has another configuration take its place, whole or not at all.',
    query: { 'dry-run': 'Answers what would change, and changes nothing.' },
    body: 'Options',
    isLarge: true,
    isSecret: true,
    answer: 'Result',
    tryOut: ({ body, query: { 'dry-run': isDry } }, { proxy }) => {
      if (isDry === undefined) return undefined;
      if (isDry === '' || isDry === 'true') return compareConfig(proxy, body);
      throw new InvalidRequest(
        400,
        '?dry-run has no value but true; leave it out to make the change',
      );
    },
    make: ({ body }, { proxy }) => done(replaceConfig(proxy, body)),
  },
  {
    method: 'post',
    path: '/v1/reload',
    summary: 'Reads the file again, and applies it, whole or not at all.',
    body: 'Nothing',
    answer: 'Result',
    make: async (_, { reload }) => {
      if (reload !== undefined) return await done(reload());
      throw new SplicewayError(
        'ERR_SPLICEWAY_INVALID_OPTION',
        'there is no file to read again: this balancer was started without one; PUT /v1/config changes it',
      );
    },
  },
  {
    method: 'patch',
    path: BACKEND,
    summary: 'Gives a backend another weight, state, limit or health, until it is gone.',
    body: 'BackendChange',
    answer: 'Result',
    make: (request, { proxy }) => {
      const { pool, backend } = paramsOf(request);
      return done(changeBackend(proxy, pool, backend, request.body as BackendChange));
    },
  },
  {
    method: 'post',
    path: `${BACKEND}/drain`,
    summary: 'Sends no new sessions to a backend, and may wait until the last one has left.',
    body: 'DrainChange',
    answer: 'Result',
    make: (request, { proxy }) => {
      const { pool, backend } = paramsOf(request);
      return beginDrain(proxy, pool, backend, request.body as DrainChange);
    },
    waitsFor: ({ body }) => {
      const { wait = false } = body as DrainChange;
      if (wait === false) return undefined;
      return wait === true ? Number.POSITIVE_INFINITY : parseDuration(wait);
    },
  },
  {
    method: 'post',
    path: '/v1/pools/{pool}/backends',
    summary: 'Adds a backend.',
    body: 'Backend',
    answer: 'Result',
    make: (request, { proxy }) =>
      done(
        addBackend(proxy, paramsOf(request).pool, request.body as string | Record<string, unknown>),
      ),
  },
  {
    method: 'delete',
    path: BACKEND,
    summary: 'Takes a backend out.',
    query: {
      after:
        'How long its sessions may go on, as 30s; 0 ends them at once. By default as onRemove of the pool says.',
    },
    body: 'Nothing',
    answer: 'Result',
    make: (request, { proxy }) => {
      const { pool, backend } = paramsOf(request);
      return done(removeBackend(proxy, pool, backend, request.query.after));
    },
  },
  {
    method: 'patch',
    path: '/v1/listeners/{name}',
    summary: 'Holds clients of a listener back, or takes them again.',
    body: 'ListenerChange',
    answer: 'Result',
    make: (request, { proxy }) =>
      done(changeListener(proxy, paramsOf(request).name, request.body as ListenerChange)),
  },
  {
    method: 'get',
    path: '/v1/changes/{generation}',
    summary: 'The change that led to a generation, where it was made through this socket.',
    answer: 'Change',
    answerTo: ({ params: { generation = '' } }, { changes }) => changes.find(Number(generation)),
  },
  {
    method: 'get',
    path: '/v1/events',
    summary: 'What happens from now on, a line of JSON each.',
    answer: 'Event',
    isStream: true,
  },
];
