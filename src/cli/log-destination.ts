/** Where lines go that people or machines may read. Nothing that goes wrong there may end or hold up a load balancer. */
import { constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** What is kept for a reader that has fallen behind: some thousands of lines, as many as may come in one turn. */
const QUEUE_MAX_BYTES = 1024 * 1024;
/**
 * When a reader that takes nothing is tried again. One that keeps up has emptied its pipe by the first time; of one that
 * stays away, each time is twice as long after the last.
 */
const RETRY_FIRST_MS = 1;
const RETRY_LAST_MS = 50;
/** How long a reader is waited for in all when the process ends. */
const PATIENCE_MS = 100;
const PAUSE_MS = 5;
const NEWLINE = Buffer.from('\n');

/**
 * Writes lines to a descriptor, at once where it takes them. What it does not take yet (a terminal that is stopped by
 * Ctrl+S, a pipe that is full) waits in a queue, and what the queue has no room for is dropped and counted. A line that
 * cannot be written (a full disk, a file at its size limit, a terminal that is gone) is dropped, and the next one is
 * tried again: disks are emptied, and logs go on then.
 */
export class LogDestination {
  /** Told how many lines were dropped, when the reader goes on. */
  onResumed: (dropped: number) => void = () => {};
  readonly #descriptor: number;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  /** The last line broke off in its middle. */
  #broken = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_FIRST_MS;
  /** What is left of the patience; none until the process ends. */
  #patienceMs = 0;

  constructor(descriptor: number) {
    this.#descriptor = withoutWaiting(descriptor);
    process.once('exit', () => {
      this.#patienceMs = PATIENCE_MS;
      this.#drain();
    });
  }

  /** Whether some of what was written waits for its reader. */
  get isBehind(): boolean {
    return this.#queue.length > 0;
  }

  /** @param line with its end */
  write(line: string): void {
    const bytes = Buffer.from(line);
    // Of a burst, its reader may have made room meanwhile.
    if (this.#queuedBytes + bytes.length > QUEUE_MAX_BYTES) this.#drain();
    if (this.#queuedBytes + bytes.length > QUEUE_MAX_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#retry === undefined) this.#drain();
  }

  #drain(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (let line = this.#queue[0]; line !== undefined; line = this.#queue[0]) {
      if (!this.#take(line)) {
        // The process ends without it: the queue is no reason to stay.
        this.#retry = setTimeout(() => this.#drain(), this.#retryMs).unref();
        this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LAST_MS);
        return;
      }
      this.#queue.shift();
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.onResumed(dropped);
  }

  /** Writes the first line of the queue, or drops it where it fails. @returns whether it is done with */
  #take(line: Buffer): boolean {
    // What is left of a broken line gets a line of its own.
    let rest = this.#broken ? Buffer.concat([NEWLINE, line]) : line;
    this.#queuedBytes -= line.length;
    this.#broken = false;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#descriptor, rest));
        this.#retryMs = RETRY_FIRST_MS;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
          this.#broken = rest.length < line.length;
          return true;
        }
        if (this.#patienceMs <= 0) {
          this.#queue[0] = rest;
          this.#queuedBytes += rest.length;
          return false;
        }
        this.#patienceMs -= PAUSE_MS;
        pause(PAUSE_MS);
      }
    }
    return true;
  }
}

/**
 * A terminal by a description of its own, on which a write says EAGAIN where it would wait; others who have it are not
 * changed by that. Pipes and sockets do so already: Node has made them, when it looked at its standard streams.
 *
 * A terminal of another user cannot be opened by its name. The one that this process is controlled by can, by the name
 * that everybody may open. Any other one is left as it is.
 */
function withoutWaiting(descriptor: number): number {
  if (!isatty(descriptor)) return descriptor;
  return (
    opened(`/proc/self/fd/${descriptor}`) ??
    (isControlling(descriptor) ? opened('/dev/tty') : undefined) ??
    descriptor
  );
}

function opened(terminal: string): number | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(terminal, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

/** Whether the terminal is the one behind /dev/tty, which has a device number of its own. */
function isControlling(descriptor: number): boolean {
  try {
    // proc(5): the name of the program, in brackets, may have spaces and brackets itself.
    const [, , , , terminal] =
      readFileSync('/proc/self/stat', 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return Number(terminal) === fstatSync(descriptor).rdev;
  } catch {
    return false;
  }
}

/** Blocks this thread. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
