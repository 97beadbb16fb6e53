/** wrk: HTTP clients that ask as often as they are answered, until they are stopped. */
import { Daemon } from './daemon.js';
import { program } from './programs.js';

export const wrkNeeds = { wrk: 'wrk' };

export class Wrk {
  readonly #daemon: Daemon;

  /** @param args of wrk, besides the time, which is as long as it takes */
  constructor(url: string, args: readonly string[] = []) {
    // A signal ends it as the end of its time does, with a summary.
    this.#daemon = new Daemon(
      program('wrk'),
      [
        ...['--threads', '1', '--connections', '10', '--duration', '1h', '--timeout', '60s'],
        ...args,
        url,
      ],
      { stopSignal: 'SIGINT' },
    );
  }

  /**
   * Ends it. Idempotent.
   *
   * @returns how many requests were answered
   * @throws when one failed: what wrk says of it
   */
  async stop(): Promise<number> {
    const { answered, failed } = await this.end();
    if (failed > 0) throw new Error(this.#daemon.output);
    return answered;
  }

  /**
   * Ends it. Idempotent.
   *
   * @returns how many requests were answered, and how many connections failed or brought no good answer
   */
  async end(): Promise<{ answered: number; failed: number }> {
    await this.#daemon.stop();
    const { output } = this.#daemon;
    const answered = Number(output.match(/(\d+) requests in/)?.[1]);
    if (Number.isNaN(answered)) throw new Error(output);
    const errors = output.match(/Socket errors: .*|Non-2xx .*/g)?.join(' ') ?? '';
    const failed = [...errors.matchAll(/ (\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    return { answered, failed };
  }
}
