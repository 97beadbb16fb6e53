/** What the control socket takes and answers, as schemas: requests are checked by them, and the OpenAPI description is made of them. */
import { SESSIONS_MAX } from '../config/settings.js';
import { oneOf, wholeNumber, yesOrNo } from '../config/values.js';
import { errorCatalogue, type SplicewayErrorCode } from '../errors/catalogue.js';
import { endReasons, endSides } from '../model/session-end.js';
import { phases } from '../model/session-phase.js';
import * as z from '../vendor/zod.js';
import type {
  BackendChange,
  ControlBackend,
  ControlChange,
  ControlChanges,
  ControlConfig,
  ControlEvent,
  ControlProblem,
  ControlResult,
  ControlSessions,
  ControlStatus,
  DrainChange,
  ListenerChange,
  SessionsEnd,
} from './types.js';

const WEIGHT_MAX = 1000;

const text = z.string();
const count = z.int().min(0);
const moment = count.describe('Milliseconds since 1970.');
const names = z.array(text);
const adminState = oneOf('a state', ['ready', 'drain', 'maintenance']);
const healthStatus = z.enum(['checking', 'up', 'down', 'ejected']);
const code = z.enum(Object.keys(errorCatalogue) as [SplicewayErrorCode]);

const sessionFigures = { open: count, opened: count, failed: count, rejected: count };
const row = z.object({
  ...sessionFigures,
  rebalanced: count,
  bytesUpstream: count,
  bytesDownstream: count,
});
const atMost = z.number().exactOptional();
const summary = z
  .object({ count, sum: z.number(), p50: atMost, p90: atMost, p99: atMost, p999: atMost })
  .describe(
    'Of a histogram; percentiles are absent where it is empty, or they are above all that it can tell.',
  );
const ends = z.array(
  z.object({
    reason: z.enum(endReasons),
    side: z.enum(endSides),
    phase: z.enum(phases),
    count,
  }),
);
const peer = z.object({ pid: count, uid: count, gid: count });
const changes = { generation: count, added: names, removed: names, changed: names };

const override = z.object({
  state: z.enum(['drain', 'maintenance']).exactOptional(),
  health: z.enum(['up', 'down']).exactOptional(),
  weight: count.exactOptional(),
  maxSessions: count.exactOptional(),
});

const backendFigures: z.ZodType<ControlBackend> = z.object({
  pool: text,
  name: text,
  address: text,
  weight: count,
  maxSessions: count.optional(),
  state: z.enum(['ready', 'drain', 'maintenance', 'removed']),
  isReplaced: z
    .literal(true)
    .exactOptional()
    .describe('Another backend has had its name since it was removed.'),
  isUnresolved: z
    .literal(true)
    .exactOptional()
    .describe('Its name has led to no address yet, so it takes no sessions.'),
  configured: z.object({ weight: count, maxSessions: count.optional() }),
  override: override.exactOptional().describe('What was set by hand, and not taken back.'),
  health: z.object({
    status: healthStatus,
    since: moment,
    reason: text,
    lastCheck: z
      .object({ at: moment, durationMs: z.number(), passed: z.boolean(), detail: text })
      .exactOptional(),
    checks: z.object({ passed: count, failed: count }),
    ejections: count,
    transitions: count,
    downMs: z.number(),
  }),
  noPort: count,
  ...row.shape,
});

const status: z.ZodType<ControlStatus> = z.object({
  name: text,
  version: text,
  pid: count,
  since: moment,
  isStopping: z.boolean(),
  file: text.optional(),
  engine: z.object({ name: z.enum(['native', 'stream']), reason: text }),
  accept: z.enum(['native', 'node']),
  generation: count,
  sessions: z.object(sessionFigures),
  unheard: count,
  bytes: z.object({ upstream: count, downstream: count }),
  handoff: z.object({ ...row.shape, ends }),
  ends,
  listeners: z.array(
    z.object({
      name: text,
      address: text,
      maxSessions: count.optional(),
      isPaused: z.boolean(),
      ...row.shape,
      ends,
    }),
  ),
  pools: z.array(
    z.object({
      name: text,
      maxPoolSessions: count.optional(),
      queue: z.object({
        length: count,
        served: count,
        timedOut: count,
        refused: count,
        left: count,
      }),
      summaries: z.object({
        connect: summary,
        firstByte: summary,
        queue: summary,
        duration: summary,
        bytes: summary,
      }),
    }),
  ),
  backends: z.array(backendFigures),
  loops: z.array(
    z.object({
      busy: z.number(),
      wakeUps: count,
      turns: summary,
      longestTurn: z.number(),
      bytesCopied: count,
      bytesSpliced: count,
    }),
  ),
  pipes: z.object({ open: count, bytes: count, most: count, mostBytes: count }),
});

const options = z
  .record(text, z.unknown())
  .describe(
    'A whole configuration, as the library and files have it. A plain number that is a duration is in milliseconds.',
  );

const config = z.object({ generation: count, options, functions: names });

const sessions: z.ZodType<ControlSessions> = z.object({
  count,
  sessions: z.array(
    z.object({
      id: text,
      client: z.object({ address: text, port: count }),
      listener: text,
      pool: text.optional(),
      backend: text.optional(),
      backendAddress: text.optional(),
      phase: z.enum(phases),
      ageMs: count,
      idleMs: count.optional(),
      bytesUpstream: count,
      bytesDownstream: count,
    }),
  ),
});

const result: z.ZodType<ControlResult> = z.object({
  ...changes,
  drain: z
    .object({
      cut: count,
      isEmpty: z.boolean(),
      reason: z.enum(['empty', 'timeout', 'called-off']),
    })
    .optional(),
  differences: z
    .record(text, names)
    .optional()
    .describe('What of each in changed would be another, where it was only asked what would.'),
  ended: count.optional().describe('Sessions that were ended, where that was asked for.'),
});

const change: z.ZodType<ControlChange> = z.object({
  from: count,
  at: moment,
  method: text,
  path: text,
  peer: peer.optional(),
  result,
});

const changeList: z.ZodType<ControlChanges> = z.object({ changes: z.array(change) });

/** One with a time, and fields of its own. */
const event = <Name extends string, Shape extends z.core.$ZodLooseShape>(
  name: Name,
  shape: Shape,
) => z.object({ at: moment, event: z.literal(name), ...shape });

const events: z.ZodType<ControlEvent> = z.discriminatedUnion('event', [
  event('begin', { generation: count }),
  event('change', { generation: count, method: text, path: text, peer: peer.optional() }),
  event('update', { generation: count, added: count, removed: count, changed: count }),
  event('override', {
    pool: text,
    backend: text,
    from: override,
    to: override,
    isGone: z.boolean(),
  }),
  event('backend', {
    pool: text,
    backend: text,
    from: healthStatus,
    to: healthStatus,
    reason: text,
  }),
  event('backendError', { pool: text, backend: text, count, code: text, message: text }),
  event('noBackend', { code: text, message: text }),
  event('rebalance', { pool: text, state: z.enum(['begun', 'over']), ended: count, reason: text }),
  event('warning', { message: text }),
  event('listenerPaused', {
    listener: text.optional(),
    listenerName: text.optional(),
    reason: text,
    openSessions: count,
  }),
  event('listenerResumed', {
    listener: text.optional(),
    listenerName: text.optional(),
    openSessions: count,
  }),
  event('lost', { count }),
]);

const problem: z.ZodType<ControlProblem> = z.object({
  title: text,
  status: z.int(),
  detail: text,
  code,
  generation: count.optional(),
  errors: z.array(z.object({ file: text, line: count, column: count, message: text })).optional(),
});

const duration = z
  .union([z.string(), z.int().min(0)], { error: 'write 500ms, 5s, 1m or 1h' })
  .describe('500ms, 5s, 1m, 1h, or a number of milliseconds.');

const TAKEN_BACK = 'null takes back what was set by hand.';

const backendChange: z.ZodType<BackendChange> = z.strictObject({
  weight: wholeNumber(1, WEIGHT_MAX).nullable().optional().describe(TAKEN_BACK),
  state: adminState.optional(),
  maxSessions: wholeNumber(0, SESSIONS_MAX)
    .nullable()
    .optional()
    .describe(`0 is any number. ${TAKEN_BACK}`),
  health: oneOf('a health that can be set', ['up', 'down', 'auto']).optional(),
});

const drainChange: z.ZodType<DrainChange> = z.strictObject({
  after: duration.optional().describe('How long its sessions may go on; 0 ends them at once.'),
  wait: z
    .union([z.boolean(), duration], { error: 'write true, false or a duration' })
    .optional()
    .describe('Whether the answer waits until the last session has left, and for how long.'),
});

const listenerChange: z.ZodType<ListenerChange> = z.strictObject({ paused: yesOrNo });

const sessionsEnd: z.ZodType<SessionsEnd> = z.strictObject({
  ids: z.array(text).optional().describe('As a list has them; then nothing else may be said.'),
  listener: text.optional(),
  pool: text.optional(),
  backend: text.optional(),
  client: text.optional().describe('An address, or a network such as 10.1.0.0/16.'),
});

const backend = z
  .union([text, z.record(text, z.unknown())], {
    error: 'write an address, or a backend as the options have it',
  })
  .describe('As in the options: ADDRESS,name=NAME,weight=N or an object.');

const nothing = z.strictObject({});

/** Each by its name in the description. */
export const schemas = {
  Status: status,
  BackendStatus: backendFigures,
  Sessions: sessions,
  Config: config as z.ZodType<Omit<ControlConfig, 'options'>>,
  Options: options,
  Result: result,
  Change: change,
  Changes: changeList,
  Event: events,
  Problem: problem,
  BackendChange: backendChange,
  DrainChange: drainChange,
  ListenerChange: listenerChange,
  SessionsEnd: sessionsEnd,
  Backend: backend,
  Nothing: nothing,
};

export type SchemaName = keyof typeof schemas;
