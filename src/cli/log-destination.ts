/** Where the lines of the log go. Nothing that goes wrong there may end a load balancer. */
import { writeSync } from 'node:fs';

/** How long a reader that has fallen behind is waited for, in all, before its line is dropped. */
const PATIENCE_MS = 100;
const PAUSE_MS = 5;

/**
 * Writes lines to a descriptor, synchronously, so that nothing is lost at exit. A line that cannot be
 * written (a full disk, a file at its size limit, a terminal that is gone) is dropped, and the next one
 * is tried again: disks are emptied, and logs go on then.
 */
export class LogDestination {
  readonly #descriptor: number;
  /** The last line broke off in its middle. */
  #broken = false;
  /** The last line was dropped because its reader is behind; the next one does not wait for it. */
  #behind = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** @param line with its end */
  write(line: string): void {
    // What is left of a broken line gets a line of its own.
    const bytes = Buffer.from(this.#broken ? `\n${line}` : line);
    let written = 0;
    let waitedMs = this.#behind ? PATIENCE_MS : 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.#descriptor, bytes, written);
      } catch (error) {
        // Pipes and terminals may be non-blocking: whoever shares them can have made them so.
        this.#behind = (error as NodeJS.ErrnoException).code === 'EAGAIN';
        if (!this.#behind || waitedMs >= PATIENCE_MS) {
          this.#broken ||= written > 0;
          return;
        }
        waitedMs += PAUSE_MS;
        pause(PAUSE_MS);
      }
    }
    this.#broken = false;
    this.#behind = false;
  }
}

/** Blocks this thread. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
