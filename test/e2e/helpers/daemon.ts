/** A program that runs until it is stopped: the servers behind the proxy, and the proxy itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Truthy, waitUntil } from './wait.js';

export interface DaemonOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
  /** All of it; default: that of the tests. */
  readonly env?: NodeJS.ProcessEnv;
  /** What asks a server of this kind to stop at once without finishing its clients' work. */
  readonly stopSignal?: NodeJS.Signals;
}

/** Kept for error messages; servers that log a lot do not fill memory. */
const outputKept = 20_000;
const stopDeadlineMs = 60_000;

export class Daemon {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #stopSignal: NodeJS.Signals;
  readonly #closed: Promise<unknown>;
  #output = '';

  constructor(file: string, args: readonly string[], options: DaemonOptions = {}) {
    const { stopSignal = 'SIGTERM', cwd = '/', ...more } = options;
    this.#name = file;
    this.#stopSignal = stopSignal;
    this.#child = spawn(file, args, { ...more, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-outputKept);
      });
    }
    this.#closed = new Promise((resolve) => {
      this.#child.once('close', resolve);
      this.#child.once('error', (error) => {
        this.#output += `${error.message}\n`;
        resolve(undefined);
      });
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} did not start`);
    return this.#child.pid;
  }

  /** The last that it printed, standard output and standard error together. */
  get output(): string {
    return this.#output;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /**
   * Waits until `check` is true; fails at once, with what the program printed, if it ends before that.
   */
  async ready<T>(check: () => T | Promise<T>, deadlineMs = 120_000): Promise<Truthy<T>> {
    try {
      const [answer] = await waitUntil(
        async () => {
          // Boxed, so that this outcome ends the wait too.
          if (this.hasExited) return [undefined] as const;
          const value = await check();
          return value ? ([value] as const) : undefined;
        },
        { what: `${this.#name} to be ready`, deadlineMs },
      );
      if (answer) return answer as Truthy<T>;
      throw new Error(`${this.#name} ended before it was ready`);
    } catch (cause) {
      await this.kill();
      throw new Error(`${(cause as Error).message}\n${this.#output}`, { cause });
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the end. @returns exit status, or null when a signal ended it */
  async exited(deadlineMs = stopDeadlineMs): Promise<number | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.#name} did not end in ${deadlineMs} ms\n${this.#output}`)),
        deadlineMs,
      );
    });
    try {
      await Promise.race([this.#closed, late]);
    } finally {
      clearTimeout(timer);
    }
    return this.#child.exitCode;
  }

  /** As a crash would end it. Idempotent. */
  async kill(): Promise<void> {
    if (!this.hasExited && this.#child.pid !== undefined) this.#child.kill('SIGKILL');
    await this.exited();
  }

  /** Asks it to stop, and kills it when it does not. @returns exit status. Idempotent. */
  async stop(): Promise<number | null> {
    if (!this.hasExited && this.#child.pid !== undefined) this.#child.kill(this.#stopSignal);
    try {
      return await this.exited();
    } catch (error) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'close');
      throw error;
    }
  }
}
