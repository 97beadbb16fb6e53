/** Standard output of what runs for long: nothing there waits for a terminal that is stopped. */
import { LogDestination } from './log-destination.js';

const STDOUT = 1;
let terminal: LogDestination | undefined;

/**
 * Resolves when all that was printed is on its way, or nobody reads it any more: what a pipe does not take at once would be lost
 * with the process. What runs for long does not wait for it.
 */
export function printed(): Promise<void> {
  const { stdout } = process;
  if (stdout.writableLength === 0 || stdout.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stdout.write('', () => resolve());
  });
}

/** @param text lines, or what moves the cursor of a terminal */
export function print(text: string): void {
  if (!process.stdout.isTTY) {
    process.stdout.write(text);
    return;
  }
  terminal ??= new LogDestination(STDOUT);
  terminal.write(text);
}

/** Whether a terminal has not taken all yet that was printed. */
export const isBehind = (): boolean => terminal?.isBehind ?? false;
