import { readFileSync } from 'node:fs';

/** Open files that this process may have: now, and at most. `Infinity` when unlimited. */
export interface OpenFiles {
  readonly soft: number;
  readonly hard: number;
}

/** From the kernel; `undefined` where it does not say so in `/proc`. */
export function openFiles(): OpenFiles | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const found = /^Max open files +(\S+) +(\S+)/m.exec(limits);
    return found === null ? undefined : { soft: limit(found[1]), hard: limit(found[2]) };
  } catch {
    return undefined;
  }
}

function limit(text: string | undefined): number {
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}
