import { readFileSync } from 'node:fs';

/**
 * How many files this process, and each that it starts, may hold open. Node itself has raised the soft
 * limit to the hard one by the time that any script runs.
 *
 * @returns {{ soft: number, hard: number } | undefined} nothing where /proc does not tell
 */
export function openFileLimit() {
  try {
    const line = readFileSync('/proc/self/limits', 'utf8').match(
      /^Max open files\s+(\S+)\s+(\S+)/m,
    );
    const [soft, hard] = [line?.[1], line?.[2]].map((text) =>
      text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text),
    );
    return soft && hard ? { soft, hard } : undefined;
  } catch {
    return undefined;
  }
}
