/** Standard output of what runs for long: nothing there waits for a terminal that is stopped. */
import { LogDestination } from './log-destination.js';

const STDOUT = 1;
let terminal: LogDestination | undefined;

/** @param text lines, or what moves the cursor of a terminal */
export function print(text: string): void {
  if (!process.stdout.isTTY) {
    process.stdout.write(text);
    return;
  }
  terminal ??= new LogDestination(STDOUT);
  terminal.write(text);
}
