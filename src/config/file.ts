/** A configuration file: YAML or JSON by its extension, with the position of everything that is wrong. */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { SplicewayError } from '../errors/catalogue.js';
import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from '../vendor/yaml.js';
import { type ConfigIssue, type ConfigPath, formatIssue, formatPath } from './issues.js';
import { findJsonError } from './json.js';
import { validateCommand } from './schema.js';
import { durationKeys } from './shapes.js';
import type { CommandConfig } from './types.js';

/**
 * How often aliases may repeat what an anchor holds before the file is refused: a few lines of
 * aliases to aliases can otherwise grow into gigabytes.
 */
const MAX_ALIAS_COUNT = 100;

/** What `-` as a path names, which is YAML and so may be JSON as well. */
const STANDARD_INPUT = { path: '-', descriptor: 0, name: '<stdin>' } as const;

type Format = 'yaml' | 'json' | 'either';

/** Where the YAML library's own words are for its users: programmers with its API before them. */
const yamlReasons: Partial<Record<ErrorCode, string>> = {
  DUPLICATE_KEY: 'this key is given twice',
  MULTIPLE_DOCS: 'a second document begins here; the file must be one, so remove the "---" line',
  NON_STRING_KEY: 'a key must be text; put it in quotes',
};

/** A parsed file that can still tell where each of its values stands. */
interface Source {
  readonly path: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** A file that is right, and where its values stand. */
export interface ConfigFile {
  readonly config: CommandConfig;
  /** `file:line:column` of a value, or of the nearest thing around it that is in the file. */
  positionOf(path: ConfigPath): string;
}

/**
 * Reads and validates a configuration file. Its keys are those of `ProxyOptions` and the command's own; since
 * files are for the command, at least one listener is required.
 *
 * @param file `.yaml`, `.yml` or `.json`; JSON is read strictly. `-` is standard input, to its end
 * @throws SplicewayError `ERR_SPLICEWAY_CONFIG_FILE`; the message has one line for each error,
 *   `file:line:column: reason` (`file: reason` where there is no position)
 */
export function loadConfigFile(file: string): CommandConfig {
  return parseConfigFile(file, readConfigFile(file)).config;
}

/** The text of a file. Errors as `loadConfigFile`. */
export function readConfigFile(file: string): string {
  formatOf(file);
  return read(file, nameOfFile(file));
}

/** As `loadConfigFile`, for a file that has been read. */
export function parseConfigFile(file: string, text: string): ConfigFile {
  const format = formatOf(file);
  const source = parse(nameOfFile(file), text, format);
  const value = withoutSchema(toValue(source), format);
  const result = validateCommand(asText(value));
  if (!result.ok) throw fromIssues(source, result.issues);
  const { config } = result;
  if (config.listeners.length === 0) {
    const isShort = config.form === 'short';
    const message = isShort
      ? 'give at least one address to listen on, as in 127.0.0.1:5555'
      : "there is no listener; write listeners: { NAME: { address: ':5555', pool: NAME } }";
    const code = 'ERR_SPLICEWAY_INVALID_OPTION';
    const path = [isShort ? 'listen' : 'listeners'];
    throw fromIssues(source, [{ code, path, at: 'value', message }]);
  }
  const positionOf = (path: ConfigPath) =>
    position(source, offsetOf(source.document, { path, at: 'value' }));
  return { config, positionOf };
}

/** A file in JSON, which has no comments, may name its schema for editors. */
function withoutSchema(value: unknown, format: Format): unknown {
  if (format === 'yaml' || !isObject(value)) return value;
  const { $schema, ...rest } = value;
  return typeof $schema === 'string' ? rest : value;
}

/** Where durations stand: at the top level, in a listener or a pool, and the last within their `onRemove` and `health`. */
export const MOST_LEVELS = 4;
export const keysWithUnit: ReadonlySet<string> = new Set([
  ...durationKeys,
  ...['after', 'interval', 'timeout', 'fastInterval'],
]);

/**
 * Numbers that are durations as text, for which a unit is asked as it is of flags: who writes `idleTimeout: 30` does not
 * mean the milliseconds of a program.
 */
function asText(value: unknown, levels = MOST_LEVELS): unknown {
  if (!isObject(value) || levels === 0) return value;
  const entries = Object.entries(value).map(([key, held]) =>
    typeof held === 'number' && keysWithUnit.has(key)
      ? [key, String(held)]
      : [key, asText(held, levels - 1)],
  );
  return Object.fromEntries(entries);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How messages name it. */
export function nameOfFile(file: string): string {
  return file === STANDARD_INPUT.path ? STANDARD_INPUT.name : file;
}

function formatOf(path: string): Format {
  if (path === STANDARD_INPUT.path) return 'either';
  switch (extname(path).toLowerCase()) {
    case '.yaml':
    case '.yml':
      return 'yaml';
    case '.json':
      return 'json';
    default:
      throw failure(`${path}: the format is unknown; name the file .yaml, .yml or .json`);
  }
}

function read(file: string, path: string): string {
  const bytes = readBytes(file, path);
  if (isUtf16(bytes)) {
    throw failure(
      `${path}: it is text in UTF-16, as some editors of Windows write; save it as UTF-8`,
    );
  }
  // A byte order mark is legal in YAML and common in JSON written on Windows; JSON.parse refuses it.
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

function readBytes(file: string, path: string): Buffer {
  try {
    return readFileSync(file === STANDARD_INPUT.path ? STANDARD_INPUT.descriptor : file);
  } catch (error) {
    throw failure(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
}

/** By its byte order mark, or by the zero in its first letter, which neither YAML nor JSON may have. */
function isUtf16(bytes: Buffer): boolean {
  const [first, second] = bytes;
  const isMarked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return isMarked || first === 0 || second === 0;
}

function systemReason(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    default:
      return (error as Error).message;
  }
}

function parse(path: string, text: string, format: Format): Source {
  if (text.trim() === '') throw empty(path);
  const lines = new LineCounter();
  // JSON is read as YAML too, which contains it, for the positions and to find duplicate keys.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
  });
  const source = { path, document, lines };
  if (format === 'json') checkJson(source, text);
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) {
    const reasons = problems.map((problem) => {
      const reason = yamlReasons[problem.code] ?? problem.message;
      const hint = bracketHint(text, lines.linePos(problem.pos[0]).line);
      return `${position(source, problem.pos[0])}: ${reason}${hint}`;
    });
    throw failure([...new Set(reasons)].join('\n'), problems[0]);
  }
  if (document.contents === null) throw empty(path);
  return source;
}

function checkJson(source: Source, text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    const offset = findJsonError(text) ?? 0;
    const reason = offset >= text.trimEnd().length ? 'the JSON ends too early' : 'this is not JSON';
    throw failure(`${position(source, offset)}: ${reason}${jsonHint(text, offset)}`, error);
  }
}

function jsonHint(text: string, offset: number): string {
  // JSON ends a number after its leading zero: 0660 is a mode, most of all, and so is 0o660.
  if (/[^\d.]0$/.test(text.slice(0, offset)) && /^o?\d/.test(text.slice(offset))) {
    return '; a number has no zero before it, and a mode needs quotes, as in "0660"';
  }
  if (/^['\w]/.test(text.slice(offset))) return '; names and text need double quotes';
  if (/^\/[/*]|^#/.test(text.slice(offset))) return '; JSON has no comments, YAML has';
  if (/,\s*$/.test(text.slice(0, offset))) return '; nothing may follow the last comma';
  return '';
}

/** `listen: [::1]:80` is the start of a list to YAML, a surprise worth explaining. */
function bracketHint(text: string, line: number): string {
  const bracketed = /\[[0-9a-f:]*:[0-9a-f:.]*\]:\d/i.test(text.split('\n')[line - 1] ?? '');
  return bracketed ? '; an address in brackets needs quotes in YAML, as in "[::1]:5555"' : '';
}

function toValue(source: Source): unknown {
  try {
    return source.document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
  } catch (error) {
    // The library's only error here: an alias with no anchor, or too many aliases.
    throw failure(
      `${source.path}: the YAML aliases cannot be resolved: ${(error as Error).message}`,
      error,
    );
  }
}

function fromIssues(source: Source, issues: readonly ConfigIssue[]): SplicewayError {
  const lines = issues.map((issue) => {
    const offset = offsetOf(source.document, issue);
    return `${position(source, offset)}: ${formatIssue(issue, formatPath)}`;
  });
  return failure(lines.join('\n'));
}

/** Where the issue's value (or key) starts, or else the nearest thing around it that is in the file. */
function offsetOf(document: Document.Parsed, issue: Pick<ConfigIssue, 'path' | 'at'>): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, part] of issue.path.entries()) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap<Node, Node | null>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      const wantsKey = issue.at === 'key' && depth === issue.path.length - 1;
      node = pair?.value ?? null;
      offset = (wantsKey ? undefined : node?.range?.[0]) ?? pair?.key.range?.[0] ?? offset;
    } else if (isSeq<Node>(node)) {
      node = node.items[Number(part)] ?? null;
      offset = node?.range?.[0] ?? offset;
    } else break; // `ADDRESS,weight=N` has parts that are no nodes of their own
  }
  return offset;
}

function position(source: Source, offset: number): string {
  const { line, col } = source.lines.linePos(offset);
  return `${source.path}:${line}:${col}`;
}

function empty(path: string): SplicewayError {
  return failure(
    `${path}: the file is empty; give at least listen and backends, or listeners and pools`,
  );
}

function failure(message: string, cause?: unknown): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_CONFIG_FILE', message, { cause });
}
