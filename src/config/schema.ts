/**
 * The one schema of the configuration: `createProxy()`, a file and the flags of the command all pass
 * through it. It checks, normalises and fills in the defaults.
 */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { SplicewayError } from '../errors.js';
import type { FilterFunction } from '../policy/filter-function.js';
import type { PickFunction } from '../policy/pick-function.js';
import {
  type AddressUse,
  addressForm,
  formatAddress,
  isReachedBy,
  parseAddress,
} from './address.js';
import { backendDescriptions, descriptions } from './descriptions.js';
import {
  formatDuration,
  formatMicroseconds,
  LONGEST_MS,
  parseDuration,
  parseMicroseconds,
} from './duration.js';
import { type ConfigIssue, type ConfigPath, issuesFromSchema, issuesToError } from './issues.js';
import { addressPattern, durationPattern, microsecondsPattern } from './pattern.js';
import { didYouMean } from './suggest.js';
import type { PolicyName, ProxyConfig } from './types.js';

/** Threads that an engine may have. */
export const THREADS_MAX = 256;
export const WEIGHT_MAX = 1000;
/** More than this need more than one process; `kMostSessions` in native/core/engine/engine.cc. */
export const SESSIONS_MAX = 1 << 20;
/** A loop that has been idle for longer gains nothing by staying awake. */
const BUSY_POLL_MAX_MS = 1000;

/** Every setting that has a default: all of a configuration but its listeners and backends. */
export type Settings = Omit<ProxyConfig, 'listen' | 'backends'>;

const defaults = {
  policy: 'round-robin',
  engine: 'auto',
  accept: 'auto',
  transfer: 'auto',
  busyPollUs: 0,
  connectTimeoutMs: parseDuration('5s'),
  idleTimeoutMs: parseDuration('1h'),
  halfCloseTimeoutMs: parseDuration('5m'),
  handshakeTimeoutMs: parseDuration('1m'),
} as const satisfies Omit<Settings, 'filter' | 'threads' | 'maxSessions' | 'maxSessionsPerClient'>;

/** The outcome of validation: a configuration, or every issue that was found. */
export type Validation<Config> =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

// ---- Values -------------------------------------------------------------------------------------
//
// What `meta()` holds is for the JSON Schema alone (json-schema.ts).

/** A schema around one of our parsers: its error becomes the issue, and keeps its code. */
function parsedBy<Value>(parse: (input: unknown) => Value) {
  return z.unknown().transform((input, context): Value => {
    try {
      return parse(input);
    } catch (error) {
      if (!(error instanceof SplicewayError)) throw error;
      context.addIssue({ code: 'custom', message: error.message, params: { code: error.code } });
      return z.NEVER;
    }
  });
}

const addressBy = <Parsed>(use: AddressUse, parse: (input: string) => Parsed) =>
  parsedBy((input): Parsed => {
    if (typeof input === 'string') return parse(input);
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_ADDRESS',
      input === undefined
        ? 'the address is missing; write host:port, [v6]:port or unix:/path'
        : `${show(input)} is not an address: it is not text; write "host:port", "[v6]:port" or "unix:/path"`,
    );
  }).meta({
    type: 'string',
    pattern: addressPattern(use),
    patternErrorMessage: `write ${addressForm(use)}`,
  });
const listenAddress = addressBy('listener', (input) => parseAddress(input));
const backendAddress = addressBy('backend', (input) => parseAddress(input, 'backend'));

const durationBy = (parse: (input: string | number) => number, pattern: string) =>
  parsedBy((input): number => {
    if (typeof input === 'string' || typeof input === 'number') return parse(input);
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_DURATION',
      `${show(input)} is not a duration; write 500ms, 5s, 1m or 1h`,
    );
  }).meta({
    anyOf: [
      { type: 'string', pattern, patternErrorMessage: 'write 500ms, 5s, 1m or 1h, or 0' },
      // Of files, where a number has no unit; a program may give milliseconds.
      { type: 'integer', enum: [0] },
    ],
  });
const duration = durationBy(parseDuration, durationPattern(LONGEST_MS));
const microseconds = durationBy(
  (input) => parseMicroseconds(input, BUSY_POLL_MAX_MS),
  microsecondsPattern(BUSY_POLL_MAX_MS),
);

function wholeNumber(lowest: number, highest: number) {
  const error = (issue: { input?: unknown }) =>
    `${show(issue.input)} is not a whole number from ${lowest} to ${highest}`;
  return z.int({ error }).min(lowest, { error }).max(highest, { error });
}

function oneOf<const Name extends string>(what: string, names: readonly Name[]) {
  return z.enum(names, {
    error: ({ input }) => {
      const hint = typeof input === 'string' ? didYouMean(input, names) : '';
      return `${show(input)} is not ${what}${hint}; choose ${names.join(' or ')}`;
    },
  });
}

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
  const message = `${show(input)} is not a function; only a program has a filter, ({ client, listener }) => boolean`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

// ---- The pool -----------------------------------------------------------------------------------

/** Reports the second of two equal names in a list, at its own index. */
function noneTwice<Item>(what: string, nameOf: (item: Item) => string | undefined) {
  return (list: readonly Item[], context: z.RefinementCtx): void => {
    const firstIndex = new Map<string, number>();
    for (const [index, item] of list.entries()) {
      const name = nameOf(item);
      if (name === undefined) continue;
      const first = firstIndex.get(name);
      if (first === undefined) firstIndex.set(name, index);
      else {
        const message = `${name} is the same ${what} as the one at [${first}]; remove one of them`;
        context.addIssue({ code: 'custom', path: [index], message });
      }
    }
  };
}

const listen = z.preprocess(
  (input) => (typeof input === 'string' ? [input] : input),
  z
    .array(listenAddress, {
      error: ({ input }) => `${show(input)} is not an address or a list of addresses`,
    })
    // Port 0 is any free port, so two such listeners do not collide.
    .superRefine(
      noneTwice('listener', (item) =>
        item.kind === 'tcp' && item.port === 0 ? undefined : formatAddress(item),
      ),
    ),
);

/** `ADDRESS[,weight=N][,max-sessions=N]` taken apart into the object form, so that one schema checks both. */
function splitBackend(input: unknown, context: z.RefinementCtx): unknown {
  if (typeof input !== 'string') return input;
  const [addressText, ...options] = input.split(',');
  const backend = new Map<string, unknown>([['address', addressText]]);
  for (const option of options) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(option) ?? [];
    const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (key === '' || backend.has(key)) {
      const message =
        key === ''
          ? `${show(option)} is not an option; write ADDRESS,weight=N,max-sessions=N`
          : `${name} is given twice`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
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
};

const backend = z.preprocess(
  splitBackend,
  z
    .strictObject(backendShape, {
      error: ({ input }) =>
        `${show(input)} is not a backend; write "host:port" or { address, weight, maxSessions }`,
    })
    .transform(({ address, weight = 1, maxSessions }) => ({
      name: formatAddress(address),
      address,
      weight,
      ...(maxSessions === undefined ? {} : { maxSessions }),
    })),
);

const backends = z
  .array(backend, {
    error: ({ input }) =>
      input === undefined
        ? 'missing; give a list of at least one backend address'
        : `${show(input)} is not a list of backends`,
  })
  .min(1, { error: 'the pool is empty; give at least one backend address' })
  .superRefine(noneTwice('backend', (item) => item.name));

// ---- The whole ----------------------------------------------------------------------------------

const about = (key: keyof typeof descriptions, byDefault?: string) => ({
  description: descriptions[key],
  default: byDefault,
});
const timeout = (key: keyof typeof descriptions, defaultMs: number) =>
  duration.meta(about(key, formatDuration(defaultMs))).optional();

const timeoutsShape = {
  connectTimeout: timeout('connectTimeout', defaults.connectTimeoutMs),
  idleTimeout: timeout('idleTimeout', defaults.idleTimeoutMs),
  halfCloseTimeout: timeout('halfCloseTimeout', defaults.halfCloseTimeoutMs),
  handshakeTimeout: timeout('handshakeTimeout', defaults.handshakeTimeoutMs),
};
/** Options that are durations. */
export const durationKeys: readonly string[] = ['busyPoll', ...Object.keys(timeoutsShape)];

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
  ...timeoutsShape,
};
/** The default of each setting that has a fixed one, as users write it. */
export const defaultTexts: ReadonlyMap<string, string> = new Map(
  Object.entries(settingsShape).flatMap(([key, setting]) => {
    const text: unknown = setting.unwrap().meta()?.default;
    return typeof text === 'string' ? [[key, text] as const] : [];
  }),
);

const proxyShape = {
  listen: listen.meta(about('listen')).optional(),
  backends: backends.meta(about('backends')),
  ...settingsShape,
};

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
/** The whole of it, of which json-schema.ts tells editors. */
export const proxySchema = z
  .strictObject(proxyShape, { error: notAnObject })
  .superRefine(noLoop)
  .superRefine(noNativeAcceptOfStream);

/** Validates a whole configuration and keeps every issue, for callers that know where each came from. */
export function validateOptions(input: unknown): Validation<ProxyConfig> {
  const result = proxySchema.safeParse(input);
  if (!result.success) return { ok: false, issues: issuesOf(result.error, input) };
  const { listen: listeners = [], backends: pool, ...settings } = result.data;
  const threads = Math.min(availableParallelism(), THREADS_MAX);
  const config = { listen: listeners, backends: pool, ...defaults, threads, ...rename(settings) };
  return { ok: true, config };
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

/** Validates settings alone, with no default filled in, to lay over another configuration. Errors as `parseOptions`. */
export function parseSettings(
  input: unknown,
  nameOf?: (path: ConfigPath) => string,
): Partial<Settings> {
  const result = settingsSchema.safeParse(input);
  if (!result.success) throw issuesToError(issuesOf(result.error, input), nameOf);
  return rename(result.data);
}

/** From the names that users write to those of the validated form, leaving out what was not given. */
function rename(settings: z.output<typeof settingsSchema>): Partial<Settings> {
  const { busyPoll, connectTimeout, idleTimeout, halfCloseTimeout, handshakeTimeout, ...others } =
    settings;
  const renamed = {
    ...others,
    busyPollUs: busyPoll,
    connectTimeoutMs: connectTimeout,
    idleTimeoutMs: idleTimeout,
    halfCloseTimeoutMs: halfCloseTimeout,
    handshakeTimeoutMs: handshakeTimeout,
  };
  const given = Object.entries(renamed).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<Settings>;
}

function issuesOf(error: z.ZodError, input: unknown): ConfigIssue[] {
  const keysAt = (path: ConfigPath) => Object.keys(path.length === 0 ? proxyShape : backendShape);
  const isOneListener = typeof (input as { listen?: unknown } | null)?.listen === 'string';
  return issuesFromSchema(error.issues, keysAt).map((issue) =>
    // A single listener was wrapped in a list above; the user wrote no index.
    isOneListener && issue.path[0] === 'listen' ? { ...issue, path: ['listen'] } : issue,
  );
}

/** A value in a message: as JSON, on one line, not too long. */
function show(input: unknown): string {
  if (input === undefined) return 'undefined';
  if (typeof input === 'function' || typeof input === 'symbol') return `a ${typeof input}`;
  if (typeof input === 'number' || typeof input === 'bigint') return String(input);
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object' && input !== null) return 'an object';
  const text = JSON.stringify(input);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
