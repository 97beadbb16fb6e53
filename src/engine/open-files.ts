import { readFileSync } from 'node:fs';

/** Open files that this process may have: now, and at most. `Infinity` when unlimited. */
export interface OpenFiles {
  readonly soft: number;
  readonly hard: number;
}

let last: OpenFiles | undefined;

/**
 * From the kernel; `undefined` where it does not say so in `/proc`. Where no descriptor is left to ask with, what it has said last: the
 * limit seldom is another.
 */
export function openFiles(): OpenFiles | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const found = /^Max open files +(\S+) +(\S+)/m.exec(limits);
    last = found === null ? undefined : { soft: limit(found[1]), hard: limit(found[2]) };
    return last;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE' ? last : undefined;
  }
}

function limit(text: string | undefined): number {
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}
