/**
 * The one schema of the configuration: `createProxy()`, a file and the flags of the command all pass
 * through it. It checks, normalises and fills in the defaults. Whoever names a listener or a pool has the long form.
 */
import * as z from '../vendor/zod.js';
import { backends } from './backend-schema.js';
import { checkServices } from './cross-checks.js';
import { descriptions } from './descriptions.js';
import { type ConfigIssue, type ConfigPath, issuesFromSchema, issuesToError } from './issues.js';
import { listen } from './listen-schema.js';
import { asGiven, explainKey } from './paths.js';
import { DEFAULT_NAME, limitsOf, poolOf } from './services.js';
import { listeners, pools } from './services-schema.js';
import { named, shapeOf, withDefaults } from './shapes.js';
import type { CommandConfig, CommandSettings, ProxyConfig, Settings } from './types.js';
import { isPlainObject, show } from './values.js';

/** The outcome of validation: a configuration, or every issue that was found. */
export type Validation<Config> =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

type Form = ProxyConfig['form'];

const settingsShape = shapeOf('process', 'listener', 'pool');
/** Of the command: a program logs by itself, and says how long to drain when it closes a proxy. */
const commandShape = shapeOf('command');

const shapes = {
  short: {
    listen: listen.meta({ description: descriptions.listen }).optional(),
    backends: backends.meta({ description: descriptions.backends }),
    ...settingsShape,
  },
  long: { listeners: listeners.optional(), pools, ...shapeOf('process') },
};
/** All that a file may say in each form, of which json-schema.ts tells editors. */
export const fileShapes = {
  short: { ...shapes.short, ...commandShape },
  long: { ...shapes.long, ...commandShape },
};

const error = ({ input }: { input?: unknown }) =>
  `${show(input)} is not a configuration; give an object with backends and, mostly, listen`;
const settingsSchema = z.strictObject(settingsShape, { error });
const commandSettingsSchema = z.strictObject({ ...settingsShape, ...commandShape });
const schemas = {
  program: {
    short: z.strictObject(shapes.short, { error }).transform(fromShort).superRefine(checkServices),
    long: z.strictObject(shapes.long, { error }).transform(fromLong).superRefine(checkServices),
  },
  file: {
    short: z
      .strictObject(fileShapes.short, { error })
      .transform((given) => ({ ...fromShort(given), ...withDefaults(given, 'command') }))
      .superRefine(checkServices),
    long: z
      .strictObject(fileShapes.long, { error })
      .transform((given) => ({ ...fromLong(given), ...withDefaults(given, 'command') }))
      .superRefine(checkServices),
  },
};

function fromShort(given: z.output<z.ZodObject<typeof shapes.short>>): ProxyConfig {
  const { listen: addresses = [] } = given;
  const handoff = withDefaults(given, 'listener');
  const listener = { name: DEFAULT_NAME, addresses, pool: DEFAULT_NAME, ...handoff };
  return {
    form: 'short',
    ...withDefaults(given, 'process'),
    listeners: addresses.length === 0 ? [] : [listener],
    pools: [{ name: DEFAULT_NAME, backends: given.backends, ...withDefaults(given, 'pool') }],
    handoff,
  };
}

function fromLong(given: z.output<z.ZodObject<typeof shapes.long>>): ProxyConfig {
  return {
    form: 'long',
    ...withDefaults(given, 'process'),
    listeners: (given.listeners ?? []).map((listener) => ({
      name: listener.name,
      addresses: listener.address,
      pool: poolOf(listener, given.pools),
      ...limitsOf(listener),
      ...withDefaults(listener, 'listener'),
    })),
    pools: given.pools.map((pool) => ({
      name: pool.name,
      backends: pool.backends,
      ...withDefaults(pool, 'pool'),
    })),
    handoff: withDefaults({}, 'listener'),
  };
}

/** Validates all that a program may say and keeps every issue. */
function validateOptions(input: unknown): Validation<ProxyConfig> {
  const form = formOf(input);
  const result = schemas.program[form].safeParse(withoutAbsent(input));
  if (result.success) return { ok: true, config: result.data };
  return { ok: false, issues: issuesOf(result.error, input, Object.keys(shapes[form]), form) };
}

/** Validates all that a file may say and keeps every issue, for callers that know where each came from. */
export function validateCommand(input: unknown): Validation<CommandConfig> {
  const form = formOf(input);
  const result = schemas.file[form].safeParse(withoutAbsent(input));
  if (result.success) return { ok: true, config: result.data };
  return { ok: false, issues: issuesOf(result.error, input, Object.keys(fileShapes[form]), form) };
}

function formOf(input: unknown): Form {
  const { listeners: first, pools: second } = (input ?? {}) as Record<string, unknown>;
  return isPlainObject(input) && (first !== undefined || second !== undefined) ? 'long' : 'short';
}

/** Without the keys of the other form that are undefined, as a program may have them. */
function withoutAbsent(input: unknown): unknown {
  if (!isPlainObject(input)) return input;
  const isGiven = ([key, value]: [string, unknown]) =>
    value !== undefined || !(key in fileShapes.short || key in fileShapes.long);
  return Object.fromEntries(Object.entries(input).filter(isGiven));
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
  if (result.success) return named(result.data, 'process', 'listener', 'pool');
  throw issuesToError(issuesOf(result.error, input, Object.keys(settingsShape)), nameOf);
}

/** As `parseSettings`, with what is the command's. */
export function parseCommandSettings(
  input: unknown,
  nameOf: (path: ConfigPath) => string,
): Partial<Settings & CommandSettings> {
  const result = commandSettingsSchema.safeParse(input);
  if (result.success) return named(result.data, 'process', 'listener', 'pool', 'command');
  const known = Object.keys({ ...settingsShape, ...commandShape });
  throw issuesToError(issuesOf(result.error, input, known), nameOf);
}

function issuesOf(
  failed: z.ZodError,
  input: unknown,
  known: readonly string[],
  form: Form = 'short',
): ConfigIssue[] {
  const issues = issuesFromSchema(failed.issues, (path) => explainKey(path, known, form, input));
  return issues.map((issue) => ({ ...issue, path: asGiven(issue.path, input) }));
}
