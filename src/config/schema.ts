/**
 * The one schema of the configuration: `createProxy()`, a file and the flags of the command all pass
 * through it. It checks, normalises and fills in the defaults.
 */
import * as z from '../vendor/zod.js';
import { backendShape, backends } from './backend-schema.js';
import { noLoop, noNativeAcceptOfStream } from './cross-checks.js';
import { descriptions } from './descriptions.js';
import { type ConfigIssue, type ConfigPath, issuesFromSchema, issuesToError } from './issues.js';
import { listen, listenerShape } from './listen-schema.js';
import { defaultsOf, named, shapeOf } from './shapes.js';
import type { CommandSettings, ProxyConfig, Settings } from './types.js';
import { isPlainObject, show } from './values.js';

/** The outcome of validation: a configuration, or every issue that was found. */
export type Validation<Config> =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

/** What the command is told, by a file or by flags. */
export type CommandConfig = ProxyConfig & CommandSettings;

/** Of the command: a program logs by itself, and says how long to drain when it closes a proxy. */
const commandShape = shapeOf('command');
const settingsShape = shapeOf('process', 'listener', 'pool');
const proxyShape = {
  listen: listen.meta({ description: descriptions.listen }).optional(),
  backends: backends.meta({ description: descriptions.backends }),
  ...settingsShape,
};
const fileShape = { ...proxyShape, ...commandShape };

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
type ProxyOutput = z.output<typeof proxySchema>;
const commandSettingsSchema = z.strictObject({ ...settingsShape, ...commandShape });

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
  return { ok: true, config: { ...defaultsOf('command'), ...withDefaults(result.data) } };
}

function withDefaults({
  listen: listeners = [],
  backends: pool,
  ...settings
}: ProxyOutput): ProxyConfig {
  const defaults = defaultsOf('process', 'listener', 'pool');
  return { listen: listeners, backends: pool, ...defaults, ...named(settings) };
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
  return named(result.data);
}

/** As `parseSettings`, with what is the command's. */
export function parseCommandSettings(
  input: unknown,
  nameOf: (path: ConfigPath) => string,
): Partial<Settings & CommandSettings> {
  const result = commandSettingsSchema.safeParse(input);
  if (!result.success) throw issuesToError(issuesOf(result.error, input, fileShape), nameOf);
  return named(result.data);
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
