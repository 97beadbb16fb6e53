/** Lines for a person: when they are said, and how often. */
import { clearTimeout, now, setTimeout } from '../timers.js';

/** Of what comes in crowds, one line says it all for this long. */
const CROWD_MS = 1000;

const RARELY_MS = 3_600_000;

interface Crowd {
  count: number;
  readonly message: (count: number) => string;
  readonly timer: NodeJS.Timeout;
}

/** Holds warnings back until somebody can listen to them, and joins those that come in crowds. */
export class Warnings {
  readonly #report: (message: string) => void;
  #held: string[] | undefined = [];
  /** When it was, on the clock of `now()`. */
  readonly #said = new Map<string, number>();
  readonly #crowds = new Map<string, Crowd>();

  constructor(report: (message: string) => void) {
    this.#report = report;
  }

  /** Now, or once `release()` was called. */
  say(message: string): void {
    if (this.#held === undefined) this.#report(message);
    else this.#held.push(message);
  }

  /** For what goes on for long: the same message is said once an hour at most. */
  sayRarely(message: string): void {
    const time = now();
    for (const [said, at] of this.#said) if (at + RARELY_MS <= time) this.#said.delete(said);
    if (this.#said.has(message)) return;
    this.#said.set(message, time);
    this.say(message);
  }

  /**
   * For what may happen many times a second: said once a second at most.
   *
   * @param kind what is counted together
   * @param message the line, for so many times
   */
  count(kind: string, times: number, message: (count: number) => string): void {
    const crowd = this.#crowds.get(kind);
    if (crowd !== undefined) {
      crowd.count += times;
      return;
    }
    const timer = setTimeout(() => this.#sayCrowd(kind), CROWD_MS);
    timer.unref();
    this.#crowds.set(kind, { count: times, message, timer });
  }

  /** From now on warnings are said when they come; first of all those that were held back. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.#report(message);
  }

  /** Says what is still being counted. */
  flush(): void {
    for (const kind of [...this.#crowds.keys()]) this.#sayCrowd(kind);
  }

  #sayCrowd(kind: string): void {
    const crowd = this.#crowds.get(kind);
    if (crowd === undefined) return;
    clearTimeout(crowd.timer);
    this.#crowds.delete(kind);
    this.say(crowd.message(crowd.count));
  }
}
