/** What is wrong with a configuration, and where; independent of whether a program, a file or flags gave it. */
import { SplicewayError, type SplicewayErrorCode } from '../errors/catalogue.js';
import type { core } from '../vendor/zod.js';

/** Nobody reads more of them, and a program may write a mistake into ten thousand backends. */
const ISSUES_MOST = 100;

export type ConfigPath = readonly (string | number)[];

export interface ConfigIssue {
  readonly code: SplicewayErrorCode;
  /** From the root to the wrong value or, for an unknown key, to that key. Empty: the whole input. */
  readonly path: ConfigPath;
  /** Whether the key itself is wrong (unknown), or its value. */
  readonly at: 'key' | 'value';
  readonly message: string;
}

/** `backends[1].weight`; empty for the root. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** One line: the path, and what is wrong there. */
export function formatIssue(issue: ConfigIssue, nameOf: (path: ConfigPath) => string): string {
  const name = nameOf(issue.path);
  return name === '' ? issue.message : `${name}: ${issue.message}`;
}

/** One error for all issues, a line each, with the code of the first. */
export function issuesToError(
  issues: readonly ConfigIssue[],
  nameOf: (path: ConfigPath) => string = formatPath,
): SplicewayError {
  const message = issues.map((issue) => formatIssue(issue, nameOf)).join('\n');
  return new SplicewayError(issues[0]?.code ?? 'ERR_SPLICEWAY_INVALID_OPTION', message);
}

/**
 * Translates what the schema found.
 *
 * @param explainKey what to say of an unknown key, by the path to it
 */
export function issuesFromSchema(
  issues: readonly core.$ZodIssue[],
  explainKey: (path: ConfigPath) => string,
): ConfigIssue[] {
  const found = issues.flatMap((issue): ConfigIssue[] => {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        code: 'ERR_SPLICEWAY_INVALID_OPTION',
        path: [...path, key],
        at: 'key',
        message: explainKey([...path, key]),
      }));
    }
    if (issue.code === 'invalid_key') {
      const message = issue.issues[0]?.message ?? '';
      return [{ code: 'ERR_SPLICEWAY_INVALID_OPTION', path, at: 'key', message }];
    }
    return [{ code: codeOf(issue), path, at: 'value', message: issue.message }];
  });
  // A value that several checks of the schema refuse is told of once: to a person it is one mistake.
  const texts = new Set<string>();
  return found.filter((issue) => {
    if (texts.size === ISSUES_MOST) return false;
    const before = texts.size;
    return texts.add(formatIssue(issue, formatPath)).size > before;
  });
}

/** Schema checks that wrap a parser of ours carry the code of the parser's own error. */
function codeOf(issue: core.$ZodIssue): SplicewayErrorCode {
  const code: unknown = issue.code === 'custom' ? issue.params?.code : undefined;
  return (code as SplicewayErrorCode | undefined) ?? 'ERR_SPLICEWAY_INVALID_OPTION';
}
