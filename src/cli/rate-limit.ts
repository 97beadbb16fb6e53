/** One line a second, at most, for something that may happen a thousand times a second. */

/** Writes one line; `count` is how many events it stands for. */
export type WriteLine = (count: number) => void;

interface Window {
  readonly timer: NodeJS.Timeout;
  held: number;
  write: WriteLine;
}

/**
 * Limits lines by key. The first event of a key is written at once; those that follow within the
 * interval are counted, and written as one line at its end.
 */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(intervalMs = 1000) {
    this.#intervalMs = intervalMs;
  }

  /**
   * @param write is called now, or later, for the last event of a crowd, with their number
   * @param events how many there are now
   */
  report(key: string, write: WriteLine, events = 1): void {
    const window = this.#windows.get(key);
    if (window === undefined) {
      this.#open(key, write);
      write(events);
    } else {
      window.held += events;
      window.write = write;
    }
  }

  /** Writes what is still held, and forgets everything. */
  flush(): void {
    for (const { timer, held, write } of this.#windows.values()) {
      clearTimeout(timer);
      if (held > 0) write(held);
    }
    this.#windows.clear();
  }

  #open(key: string, write: WriteLine): void {
    const timer = setTimeout(() => this.#close(key), this.#intervalMs);
    // A log line is no reason to stay alive.
    timer.unref();
    this.#windows.set(key, { timer, held: 0, write });
  }

  #close(key: string): void {
    const window = this.#windows.get(key);
    this.#windows.delete(key);
    if (window === undefined || window.held === 0) return;
    // The line opens the next interval, so that a steady stream stays at one line an interval.
    this.#open(key, window.write);
    window.write(window.held);
  }
}
