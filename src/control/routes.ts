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
  takeBack,
} from './operations.js';
import { InvalidRequest } from './problem.js';
import type { SchemaName } from './schemas.js';
import { endSessions, sessionsOf } from './sessions.js';
import { backendOf, statusOf } from './status.js';
import type {
  BackendChange,
  ControlResult,
  DrainChange,
  ListenerChange,
  SessionsEnd,
} from './types.js';

/** What a reload reads. */
export interface ControlledFile {
  readonly name: string | undefined;
  reload(): Promise<ControlResult>;
  compare(): ControlResult;
}

/** What a route may use. */
export interface RouteContext {
  readonly proxy: RunningProxy;
  readonly name: string;
  readonly since: number;
  readonly changes: Changes;
  readonly file: ControlledFile | undefined;
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
  /** What of a body the audit is told; `undefined` where that may hold secrets. Default: all. */
  told?(body: unknown): unknown;
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

const dryRun = { 'dry-run': 'Answers what would change, and changes nothing.' };

function isDryRun({ query: { 'dry-run': given } }: RouteRequest): boolean {
  if (given === undefined) return false;
  if (given === '' || given === 'true') return true;
  throw new InvalidRequest(400, '?dry-run has no value but true; leave it out to make the change');
}

const sessionFilter = {
  listener: 'Name of a listener, or one of its addresses.',
  pool: 'Name of a pool.',
  backend: 'Name of a backend, of whatever pool.',
  client: 'Address of a client, or of its network, such as 10.1.0.0/16.',
};

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` */
function existing(file: ControlledFile | undefined): ControlledFile {
  if (file !== undefined) return file;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    'there is no file to read again: this balancer was started without one; PUT /v1/config changes it',
  );
}

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
    answerTo: (_, { proxy, name, since, file }) => statusOf(proxy, name, since, file?.name),
  },
  {
    method: 'get',
    path: '/v1/sessions',
    summary: 'The sessions that live now, those of a filter or all.',
    query: {
      ...sessionFilter,
      top: 'So many of those that have moved the most bytes, the first of them first.',
    },
    answer: 'Sessions',
    answerTo: ({ query }, { proxy }) => sessionsOf(proxy, query),
  },
  {
    method: 'post',
    path: '/v1/sessions/end',
    summary:
      'Ends sessions at once, with a reset of both sides: those of a filter, or by their ids.',
    body: 'SessionsEnd',
    isLarge: true,
    told: (body) => {
      const { ids, ...filter } = body as SessionsEnd;
      return ids === undefined ? filter : { ids: `${ids.length} of them` };
    },
    answer: 'Result',
    make: ({ body }, { proxy }) => done(endSessions(proxy, body as SessionsEnd)),
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
    query: dryRun,
    body: 'Options',
    isLarge: true,
    told: () => undefined,
    answer: 'Result',
    tryOut: (request, { proxy }) =>
      isDryRun(request) ? compareConfig(proxy, request.body) : undefined,
    make: ({ body }, { proxy }) => done(replaceConfig(proxy, body)),
  },
  {
    method: 'post',
    path: '/v1/reload',
    summary: 'Reads the file again, and applies it, whole or not at all.',
    query: dryRun,
    body: 'Nothing',
    answer: 'Result',
    tryOut: (request, { file }) => (isDryRun(request) ? existing(file).compare() : undefined),
    make: (_, { file }) => done(existing(file).reload()),
  },
  {
    method: 'post',
    path: '/v1/reset',
    summary: 'Takes back all that was set of backends by hand.',
    body: 'Nothing',
    answer: 'Result',
    make: (_, { proxy }) => done(takeBack(proxy)),
  },
  {
    method: 'post',
    path: '/v1/pools/{pool}/reset',
    summary: 'Takes back what was set of the backends of a pool by hand.',
    body: 'Nothing',
    answer: 'Result',
    make: (request, { proxy }) => done(takeBack(proxy, paramsOf(request).pool)),
  },
  {
    method: 'get',
    path: BACKEND,
    summary: 'One backend: as the status has it.',
    answer: 'BackendStatus',
    answerTo: (request, { proxy }) => {
      const { pool, backend } = paramsOf(request);
      return backendOf(proxy, pool, backend);
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
    path: `${BACKEND}/reset`,
    summary: 'Takes back what was set of a backend by hand.',
    body: 'Nothing',
    answer: 'Result',
    make: (request, { proxy }) => {
      const { pool, backend } = paramsOf(request);
      return done(takeBack(proxy, pool, backend));
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
    path: '/v1/changes',
    summary: 'The last changes that were made through this socket.',
    answer: 'Changes',
    answerTo: (_, { changes }) => ({ changes: changes.made }),
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
