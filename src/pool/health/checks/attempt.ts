/** One check from its beginning to its end, which its time-out may be. */

/** What is known of a check while it runs. */
export interface Attempt {
  /** What goes on, for the message of a time-out: `while connecting`. */
  state: string;
  /** Lets go of what it has open. Called once, at the end. */
  release: () => void;
}

/**
 * Resolves and rejects as `work` does, and rejects when `signal` aborts before. Nothing is open then, and nobody waits
 * for the rest of the work.
 */
export async function attempt(
  signal: AbortSignal,
  work: (attempt: Attempt) => Promise<string>,
): Promise<string> {
  if (signal.aborted) throw new Error('timed out before it began');
  const own: Attempt = { state: 'while connecting', release: () => {} };
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Error(`timed out ${own.state}`));
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work(own), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    own.release();
  }
}
