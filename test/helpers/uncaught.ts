/** Exceptions that nobody caught, seen by the test instead of ending it. */
import { onTestFinished } from 'vitest';

/** Every uncaught exception from now until the end of the test, the first one first. */
export function collectUncaught(): unknown[] {
  const others = process.listeners('uncaughtException');
  const seen: unknown[] = [];
  const collect = (error: unknown) => seen.push(error);
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', collect);
  onTestFinished(() => {
    process.off('uncaughtException', collect);
    for (const listener of others) process.on('uncaughtException', listener);
  });
  return seen;
}
