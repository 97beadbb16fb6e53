/** SIGTERM and SIGINT: the first asks for a clean stop, each that follows is less patient. */
import { exit } from './exit.js';
import { ExitStatus } from './status.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
export type StopSignal = (typeof SIGNALS)[number];

/**
 * One Ctrl+C under `npm start` can arrive twice: the terminal sends it to the whole group of processes,
 * and npm passes its own on to what it runs.
 * What repeats faster than a hand can is taken for one. Only SIGINT: nothing doubles a SIGTERM, and a
 * script that sends two means two.
 */
const ECHO_MS = 250;

/**
 * Has stop signals end the process at once, until that is cancelled, where the kernel would not: for process 1, as in a
 * container, a signal that nobody handles is lost (pid_namespaces(7)).
 */
export function endAsProcessOne(): { cancel(): void } {
  if (process.pid !== 1) return { cancel: () => {} };
  const end = (): never => exit(ExitStatus.clean);
  for (const signal of SIGNALS) process.on(signal, end);
  return {
    cancel: () => {
      for (const signal of SIGNALS) process.off(signal, end);
    },
  };
}

/** A queue of the stop signals that this process gets. */
export class StopSignals {
  readonly #received: StopSignal[] = [];
  readonly #waiting: ((signal: StopSignal) => void)[] = [];
  #lastInterruptAt = Number.NEGATIVE_INFINITY;

  /** Takes over from now on: signals no longer end the process by themselves. */
  constructor() {
    for (const signal of SIGNALS) process.on(signal, () => this.#receive(signal));
  }

  /** Resolves with the next signal that no other call has been given; it may have come already. */
  next(): Promise<StopSignal> {
    const received = this.#received.shift();
    if (received !== undefined) return Promise.resolve(received);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #receive(signal: StopSignal): void {
    if (signal === 'SIGINT') {
      const now = performance.now();
      if (now - this.#lastInterruptAt < ECHO_MS) return;
      this.#lastInterruptAt = now;
    }
    const next = this.#waiting.shift();
    if (next === undefined) this.#received.push(signal);
    else next(signal);
  }
}
