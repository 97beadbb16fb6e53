/** Waiting for something that no event tells: asked again and again, up to a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 20;

export interface WaitOptions {
  /** For the message when the deadline passes. */
  readonly what: string;
  readonly deadlineMs?: number;
}

/** What an answer is once it is known to be truthy. */
export type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>;

/**
 * @param check asked until it gives something truthy; a throw counts as "not yet"
 * @returns what `check` gave
 */
export async function waitUntil<T>(
  check: () => T | Promise<T>,
  { what, deadlineMs = 60_000 }: WaitOptions,
): Promise<Truthy<T>> {
  const deadline = performance.now() + deadlineMs;
  let lastError: unknown;
  do {
    try {
      const answer = await check();
      if (answer) return answer as Truthy<T>;
    } catch (error) {
      lastError = error;
    }
    await delay(pollMs);
  } while (performance.now() < deadline);
  throw new Error(`${what}: not within ${deadlineMs} ms`, { cause: lastError });
}
