/**
 * The one schema of the configuration: `createProxy()`, a file and the flags of the command all pass
 * through it. It checks, normalises and fills in the defaults.
 */
import { availableParallelism } from 'node:os';
import { formatAddress } from '../model/address.js';
import { isReachedBy } from '../model/own-addresses.js';
import type { FilterFunction } from '../policy/filter-function.js';
import type { PickFunction } from '../policy/pick-function.js';
import type { PolicyName } from '../policy/policy.js';
import * as z from '../vendor/zod.js';
import { backendDescriptions, descriptions } from './descriptions.js';
import {
  formatDuration,
  formatMicroseconds,
  LONGEST_MS,
  parseDuration,
  parseMicroseconds,
  parseSeconds,
} from './duration.js';
import { type ConfigIssue, type ConfigPath, issuesFromSchema, issuesToError } from './issues.js';
import { listen, listenerShape } from './listen-schema.js';
import { durationPattern, microsecondsPattern } from './pattern.js';
import { type CommandSettings, LOG_FORMATS, LOG_LEVELS, type ProxyConfig } from './types.js';
import {
  backendAddress,
  durationBy,
  hasPlainPath,
  isLoneOption,
  isPlainObject,
  listed,
  loneOption,
  noneTwice,
  notAnOption,
  oneOf,
  show,
  wholeNumber,
  yesOrNo,
} from './values.js';

/** Threads that an engine may have. */
export const THREADS_MAX = 256;
export const WEIGHT_MAX = 1000;
/** More than this need more than one process; `kMostSessions` in native/core/engine/engine.cc. */
export const SESSIONS_MAX = 1 << 20;
/** One client is no reason for more; `kMostAttempts` in native/core/select/walk.h. */
const ATTEMPTS_MAX = 100;
/** A loop that has been idle for longer gains nothing by staying awake. */
const BUSY_POLL_MAX_MS = 1000;
/** The last whole hour that TCP_KEEPIDLE takes (MAX_TCP_KEEPIDLE in the kernel, 32767 s). */
const KEEP_ALIVE_MAX_MS = parseDuration('9h');

/** Every setting that has a default: all of a configuration but its listeners and backends. */
export type Settings = Omit<ProxyConfig, 'listen' | 'backends'>;

const defaults = {
  policy: 'round-robin',
  engine: 'auto',
  accept: 'auto',
  transfer: 'auto',
  busyPollUs: 0,
  connectTimeoutMs: parseDuration('5s'),
  connectAttempts: 32,
  abortOnClose: true,
  idleTimeoutMs: parseDuration('1h'),
  halfCloseTimeoutMs: parseDuration('5m'),
  handshakeTimeoutMs: parseDuration('1m'),
  resolveEveryMs: parseDuration('30s'),
  keepAliveMs: parseDuration('1m'),
} as const satisfies Omit<
  Settings,
  'filter' | 'threads' | 'maxSessions' | 'maxSessionsPerClient' | 'connectBudgetMs'
>;
const commandDefaults = {
  drainTimeoutMs: parseDuration('30s'),
  logLevel: 'info',
} as const satisfies CommandSettings;

/** The outcome of validation: a configuration, or every issue that was found. */
export type Validation<Config> =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

// ---- Values -------------------------------------------------------------------------------------

const duration = durationBy(parseDuration, durationPattern(LONGEST_MS));
const microseconds = durationBy(
  (input) => parseMicroseconds(input, BUSY_POLL_MAX_MS),
  microsecondsPattern(BUSY_POLL_MAX_MS),
);

const seconds = durationBy(
  (input) => parseSeconds(input, KEEP_ALIVE_MAX_MS),
  durationPattern(KEEP_ALIVE_MAX_MS),
);

const policyNames = ['round-robin'] as const;
const policyName = oneOf('a policy', policyNames);

/** A name, or a function, which is taken as it is: only a call can tell whether it picks. */
const policy = z
  .unknown()
  .transform((input, context): PolicyName | PickFunction => {
    if (typeof input === 'function') return input as PickFunction;
    const named = policyName.safeParse(input);
    if (named.success) return named.data;
    for (const { message } of named.error.issues) context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .meta({ type: 'string', enum: policyNames });

/** Taken as it is; a file has none. */
const filter = z.unknown().transform((input, context): FilterFunction => {
  if (typeof input === 'function') return input as FilterFunction;
  const message = `${show(input)} is not a function; only a program has a filter, ({ client, listener, signal }) => true, false or a promise`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

// ---- The pool -----------------------------------------------------------------------------------

const BACKEND_FORM = 'ADDRESS,weight=N,max-sessions=N,addresses=all';

/** `ADDRESS[,weight=N][,max-sessions=N][,addresses=all]` taken apart into the object form, so that one schema checks both. */
function splitBackend(input: unknown, context: z.RefinementCtx): unknown {
  if (typeof input !== 'string') return input;
  const [addressText = '', ...options] = input.split(',');
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (isLoneOption(addressText)) return refuse(loneOption(input, BACKEND_FORM));
  if (!hasPlainPath(addressText)) return refuse(notAnOption(addressText, BACKEND_FORM));
  const backend = new Map<string, unknown>([['address', addressText]]);
  for (const option of options) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(option) ?? [];
    const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (key === '') return refuse(notAnOption(option, BACKEND_FORM));
    if (backend.has(key)) return refuse(`${name} is given twice`);
    backend.set(key, /^-?\d+$/.test(value) ? Number(value) : value);
  }
  return Object.fromEntries(backend);
}

const backendShape = {
  address: backendAddress.describe(backendDescriptions.address),
  weight: wholeNumber(1, WEIGHT_MAX)
    .meta({ description: backendDescriptions.weight, default: 1 })
    .optional(),
  maxSessions: wholeNumber(1, SESSIONS_MAX).describe(backendDescriptions.maxSessions).optional(),
  addresses: oneOf('a use of addresses', ['first', 'all'])
    .meta({ description: backendDescriptions.addresses, default: 'first' })
    .optional(),
};

const backend = z.preprocess(
  splitBackend,
  z
    .strictObject(backendShape, {
      error: ({ input }) =>
        `${show(input)} is not a backend; write "host:port" or { address, weight, maxSessions, addresses }`,
    })
    .transform(({ address, weight = 1, maxSessions, addresses }) => ({
      name: formatAddress(address),
      address,
      weight,
      ...(maxSessions === undefined ? {} : { maxSessions }),
      ...(addresses === undefined ? {} : { addresses }),
    })),
);

const backends = z.preprocess(
  listed,
  z
    .array(backend, {
      error: ({ input }) =>
        input === undefined
          ? 'missing; give at least one backend address'
          : `${show(input)} is not a backend or a list of backends`,
    })
    .min(1, { error: 'the pool is empty; give at least one backend address' })
    .superRefine(noneTwice('backend', (item) => item.name)),
);

// ---- The whole ----------------------------------------------------------------------------------

const about = (key: keyof typeof descriptions, byDefault?: string) => ({
  description: descriptions[key],
  default: byDefault,
});
const durationOf = (key: keyof typeof descriptions, defaultMs: number) =>
  duration.meta(about(key, formatDuration(defaultMs))).optional();

const connectDurationsShape = {
  connectTimeout: durationOf('connectTimeout', defaults.connectTimeoutMs),
  connectBudget: duration.meta(about('connectBudget')).optional(),
};
const durationsShape = {
  idleTimeout: durationOf('idleTimeout', defaults.idleTimeoutMs),
  halfCloseTimeout: durationOf('halfCloseTimeout', defaults.halfCloseTimeoutMs),
  handshakeTimeout: durationOf('handshakeTimeout', defaults.handshakeTimeoutMs),
  resolveEvery: durationOf('resolveEvery', defaults.resolveEveryMs),
};
/** Options that are durations. */
export const durationKeys: readonly string[] = [
  'busyPoll',
  ...Object.keys(connectDurationsShape),
  ...Object.keys(durationsShape),
  'keepAlive',
  'drainTimeout',
];

const settingsShape = {
  policy: policy.meta(about('policy', defaults.policy)).optional(),
  filter: filter.optional(),
  engine: oneOf('an engine', ['auto', 'native', 'stream'])
    .meta(about('engine', defaults.engine))
    .optional(),
  accept: oneOf('a way to accept', ['auto', 'native', 'node'])
    .meta(about('accept', defaults.accept))
    .optional(),
  threads: wholeNumber(1, THREADS_MAX).meta(about('threads')).optional(),
  transfer: oneOf('a way to move bytes', ['auto', 'splice', 'copy'])
    .meta(about('transfer', defaults.transfer))
    .optional(),
  busyPoll: microseconds
    .meta(about('busyPoll', formatMicroseconds(defaults.busyPollUs)))
    .optional(),
  maxSessions: wholeNumber(1, SESSIONS_MAX).meta(about('maxSessions')).optional(),
  maxSessionsPerClient: wholeNumber(1, SESSIONS_MAX).meta(about('maxSessionsPerClient')).optional(),
  ...connectDurationsShape,
  connectAttempts: wholeNumber(1, ATTEMPTS_MAX)
    .meta(about('connectAttempts', String(defaults.connectAttempts)))
    .optional(),
  abortOnClose: yesOrNo.meta(about('abortOnClose', String(defaults.abortOnClose))).optional(),
  ...durationsShape,
  keepAlive: seconds.meta(about('keepAlive', formatDuration(defaults.keepAliveMs))).optional(),
};
/** Of the command: a program logs by itself, and says how long to drain when it closes a proxy. */
const commandShape = {
  drainTimeout: durationOf('drainTimeout', commandDefaults.drainTimeoutMs),
  logLevel: oneOf('a log level', LOG_LEVELS)
    .meta(about('logLevel', commandDefaults.logLevel))
    .optional(),
  logFormat: oneOf('a log format', LOG_FORMATS).meta(about('logFormat')).optional(),
};

/** The default of each setting that has a fixed one, as users write it. */
export const defaultTexts: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...settingsShape, ...commandShape }).flatMap(([key, setting]) => {
    const text: unknown = setting.unwrap().meta()?.default;
    return typeof text === 'string' ? [[key, text] as const] : [];
  }),
);

const proxyShape = {
  listen: listen.meta(about('listen')).optional(),
  backends: backends.meta(about('backends')),
  ...settingsShape,
};
const fileShape = { ...proxyShape, ...commandShape };

/** Also what is said where the listener is an inherited socket, of which no more is known before it is opened. */
export function backendIsProxyItself(backend: string, listener: string): string {
  return `${backend} is the proxy itself, which listens on ${listener}; a backend is another server`;
}

/** Reports each backend that is a listener of the same proxy: its first client would connect for ever. */
function noLoop(
  { listen: listeners = [], backends: pool }: z.output<z.ZodObject<typeof proxyShape>>,
  context: z.RefinementCtx,
): void {
  for (const [index, { name, address: to }] of pool.entries()) {
    const listener = listeners.find((from) => isReachedBy(from, to));
    if (listener === undefined) continue;
    const message = backendIsProxyItself(name, formatAddress(listener));
    context.addIssue({ code: 'custom', path: ['backends', index], message });
  }
}

/** Also what is said where the two meet later, from a file and a flag. */
export const NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE =
  'the stream engine cannot accept natively; choose accept auto or node, or the engine auto or native';

function noNativeAcceptOfStream(
  { engine, accept }: z.output<z.ZodObject<typeof proxyShape>>,
  context: z.RefinementCtx,
): void {
  if (engine !== 'stream' || accept !== 'native') return;
  const message = NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE;
  context.addIssue({ code: 'custom', path: ['accept'], message });
}

const notAnObject = ({ input }: { input?: unknown }) =>
  `${show(input)} is not a configuration; give an object with backends and, mostly, listen`;
const settingsSchema = z.strictObject(settingsShape, { error: notAnObject });
const proxySchema = z
  .strictObject(proxyShape, { error: notAnObject })
  .superRefine(noLoop)
  .superRefine(noNativeAcceptOfStream);
/** The whole of it, of which json-schema.ts tells editors. */
export const fileSchema = z
  .strictObject(fileShape, { error: notAnObject })
  .superRefine(noLoop)
  .superRefine(noNativeAcceptOfStream);
const commandSettingsSchema = z.strictObject({ ...settingsShape, ...commandShape });

/** What the command is told, by a file or by flags. */
export type CommandConfig = ProxyConfig & CommandSettings;

/** Validates the options of a proxy. */
function validateOptions(input: unknown): Validation<ProxyConfig> {
  const result = proxySchema.safeParse(input);
  if (!result.success) return { ok: false, issues: issuesOf(result.error, input, proxyShape) };
  return { ok: true, config: withDefaults(result.data) };
}

/** Validates all that a file may say and keeps every issue, for callers that know where each came from. */
export function validateCommand(input: unknown): Validation<CommandConfig> {
  const result = fileSchema.safeParse(input);
  if (!result.success) return { ok: false, issues: issuesOf(result.error, input, fileShape) };
  return { ok: true, config: { ...commandDefaults, ...withDefaults(result.data) } };
}

function withDefaults(options: z.output<typeof proxySchema>): ProxyConfig {
  const { listen: listeners = [], backends: pool, ...settings } = options;
  const threads = Math.min(availableParallelism(), THREADS_MAX);
  return { listen: listeners, backends: pool, ...defaults, threads, ...rename(settings) };
}

/**
 * Validates a whole configuration and fills in its defaults.
 *
 * @param input what the user gave; see `ProxyOptions`
 * @param nameOf how to name a place in messages; the default is `backends[1].weight`
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS` or `…_INVALID_DURATION`,
 *   the code of the first issue; the message has one line for each issue
 */
export function parseOptions(input: unknown, nameOf?: (path: ConfigPath) => string): ProxyConfig {
  const result = validateOptions(input);
  if (!result.ok) throw issuesToError(result.issues, nameOf);
  return result.config;
}

/** As `parseOptions`, with what is the command's. */
export function parseCommand(input: unknown, nameOf: (path: ConfigPath) => string): CommandConfig {
  const result = validateCommand(input);
  if (!result.ok) throw issuesToError(result.issues, nameOf);
  return result.config;
}

/** Validates settings alone, with no default filled in, to lay over another configuration. Errors as `parseOptions`. */
export function parseSettings(
  input: unknown,
  nameOf?: (path: ConfigPath) => string,
): Partial<Settings> {
  const result = settingsSchema.safeParse(input);
  if (!result.success) throw issuesToError(issuesOf(result.error, input, settingsShape), nameOf);
  return rename(result.data);
}

/** As `parseSettings`, with what is the command's. */
export function parseCommandSettings(
  input: unknown,
  nameOf: (path: ConfigPath) => string,
): Partial<Settings & CommandSettings> {
  const result = commandSettingsSchema.safeParse(input);
  if (!result.success) throw issuesToError(issuesOf(result.error, input, fileShape), nameOf);
  return rename(result.data);
}

/** From the names that users write to those of the validated form, leaving out what was not given. */
function rename(
  settings: z.output<typeof commandSettingsSchema>,
): Partial<Settings & CommandSettings> {
  const {
    busyPoll,
    connectTimeout,
    connectBudget,
    idleTimeout,
    halfCloseTimeout,
    handshakeTimeout,
    resolveEvery,
    keepAlive,
    drainTimeout,
    ...others
  } = settings;
  const renamed = {
    ...others,
    busyPollUs: busyPoll,
    connectTimeoutMs: connectTimeout,
    connectBudgetMs: connectBudget,
    idleTimeoutMs: idleTimeout,
    halfCloseTimeoutMs: halfCloseTimeout,
    handshakeTimeoutMs: handshakeTimeout,
    resolveEveryMs: resolveEvery,
    keepAliveMs: keepAlive,
    drainTimeoutMs: drainTimeout,
  };
  const given = Object.entries(renamed).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<Settings & CommandSettings>;
}

function issuesOf(error: z.ZodError, input: unknown, shape: object): ConfigIssue[] {
  const keysAt = ([key]: ConfigPath) =>
    Object.keys(key === undefined ? shape : key === 'listen' ? listenerShape : backendShape);
  return issuesFromSchema(error.issues, keysAt).map((issue) => {
    const [key = '', index, ...rest] = issue.path;
    // A single one was wrapped in a list above; the user wrote no index.
    const given = (input as Record<string, unknown> | null)?.[key];
    const isOne = !Array.isArray(given) && index === 0;
    const item: unknown = isOne || !Array.isArray(given) ? given : given[Number(index)];
    // Nor did they write the name of what the text is.
    const within = key === 'listen' && !isPlainObject(item) && rest[0] === 'address' ? [] : rest;
    return { ...issue, path: issue.path.slice(0, isOne ? 1 : 2).concat(within) };
  });
}
