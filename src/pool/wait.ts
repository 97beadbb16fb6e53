/**
 * Waits for a promise that never rejects, but no longer than `limitMs`. What it stands for goes on.
 *
 * @param limitMs milliseconds; 0 is no limit
 */
import { clearTimeout, setTimeout } from '../timers.js';

export async function waitAtMost(promise: Promise<unknown>, limitMs: number): Promise<void> {
  if (limitMs === 0) {
    await promise;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}
