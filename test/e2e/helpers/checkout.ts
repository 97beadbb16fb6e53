/** A fresh clone of this checkout, as someone has it who met the project a minute ago. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilerEnv } from '../../../scripts/lib/compiler.js';
import { runOk } from './command.js';
import { outsideNpm } from './environment.js';
import { program } from './programs.js';
import { makeTempFolder, removeFolder } from './temp-folder.js';
import { waitUntil } from './wait.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** An unpacked archive of the sources cannot be cloned. */
export const canBeCloned = existsSync(`${root}/.git`);

export class Checkout {
  readonly #parent: string;

  private constructor(parent: string) {
    this.#parent = parent;
  }

  get folder(): string {
    return path.join(this.#parent, 'spliceway');
  }

  /** Clones what is committed, not what stands in the work tree. */
  static async clone(): Promise<Checkout> {
    const checkout = new Checkout(await makeTempFolder('clone'));
    // git wants to be told that a folder of another user (a mounted one, in a container) is to be trusted,
    // and the process that it starts to read from there hears of it in a file only.
    const settings = path.join(checkout.#parent, 'gitconfig');
    await writeFile(settings, '[safe]\n\tdirectory = *\n');
    await runOk(program('env'), [
      `GIT_CONFIG_GLOBAL=${settings}`,
      ...[program('git'), 'clone', '--quiet', root, checkout.folder],
    ]);
    return checkout;
  }

  /** Runs a command of a shell in it, which has to succeed. @returns what it printed */
  run(script: string, deadlineMs?: number): Promise<string> {
    const options = deadlineMs === undefined ? {} : { deadlineMs };
    return runOk('/bin/sh', ['-c', script], { cwd: this.folder, env: this.#env(), ...options });
  }

  /** Starts npm as a shell with job control does: in a group of processes of its own. */
  npm(...args: string[]): ForegroundJob {
    return new ForegroundJob(this.folder, args, this.#env());
  }

  /** What was compiled in another checkout need not be compiled again. */
  #env(): NodeJS.ProcessEnv {
    return { ...outsideNpm(), ...compilerEnv(this.folder) };
  }

  stop(): Promise<void> {
    return removeFolder(this.#parent);
  }
}

/** What a terminal has in its foreground: Ctrl+C reaches all of it. */
export class ForegroundJob {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown[]>;
  /** Standard output and standard error. */
  output = '';

  constructor(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(program('npm'), args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#closed = once(this.#child, 'close');
  }

  async waitFor(pattern: RegExp, deadlineMs: number): Promise<void> {
    await waitUntil(() => pattern.test(this.output) || this.#child.exitCode !== null, {
      what: `${pattern} of npm`,
      deadlineMs,
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`);
    });
    if (!pattern.test(this.output)) throw new Error(`npm ended without ${pattern}\n${this.output}`);
  }

  /** Ctrl+C. @returns exit status */
  interrupt(): Promise<number | null> {
    this.#signal('SIGINT');
    return this.ended(60_000);
  }

  /** As a supervisor does, which knows npm's process only. @returns exit status */
  terminate(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.ended(60_000);
  }

  /** @returns exit status, or null when it had to be killed at the deadline */
  async ended(deadlineMs: number): Promise<number | null> {
    const timer = setTimeout(() => this.#signal('SIGKILL'), deadlineMs);
    await this.#closed;
    clearTimeout(timer);
    return this.#child.exitCode;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#signal('SIGKILL');
    await this.#closed;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
  }
}
