/** What a command prints of a change. */
import type { ControlResult } from '../../control/types.js';
import { listed } from '../../model/listed.js';
import { plain } from './terminal.js';

/** Lines on standard output. */
export function sayLines(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

export function sayJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** `changed db/db-1 (generation 5)`, or what was asked for. */
export function sayResult(result: ControlResult, { json = false }: { json?: boolean } = {}): void {
  if (json) sayJson(result);
  else sayLines([`${summaryOf(result)} (generation ${result.generation})`]);
}

export function summaryOf({ added, removed, changed }: ControlResult): string {
  const words = Object.entries({ added, removed, changed })
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what} ${plain(listed(names))}`);
  return words.length === 0 ? 'nothing has changed' : words.join('; ');
}
