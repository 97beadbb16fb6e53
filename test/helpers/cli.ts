/** Runs the built command as users do: a process of its own, with arguments, streams and signals. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const DEADLINE_MS = 60_000;

export interface CommandResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A started command. `await using` ends it, whatever became of the test. */
export class RunningCommand {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown[]>;
  stdout = '';
  stderr = '';

  /**
   * @param command the script to run; default: the command of this checkout
   * @param shell how a shell is to start it, for limits and redirections that only a shell can set
   * @param passed descriptors of this process that it gets as 3 and on
   */
  constructor(
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    command = COMMAND,
    shell = 'exec "$@"',
    passed: readonly number[] = [],
  ) {
    const env = { ...process.env, npm_lifecycle_event: '', ...environment };
    const words = ['-c', shell, 'sh', process.execPath, command, ...args];
    const stdio = ['pipe', 'pipe', 'pipe', ...passed] as const;
    this.#child = spawn('/bin/sh', words, {
      env,
      stdio: [...stdio],
    }) as ChildProcessWithoutNullStreams;
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#ended = once(this.#child, 'close');
  }

  /** Resolves with the match as soon as what was written so far has one; fails at the end or the deadline. */
  async waitFor(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      const { exitCode, signalCode } = this.#child;
      if (deadline.aborted || exitCode !== null || signalCode !== null)
        throw this.#missing(pattern);
      const more = once(this.#child[stream], 'data', { signal: deadline }).catch(() => undefined);
      await Promise.race([more, this.#ended]);
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The port of the first listener. */
  async port(): Promise<number> {
    const [, port] = await this.waitFor('stdout', /^listening on .*:(\d+)$/m);
    return Number(port);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Some of its standard input; more may come. */
  write(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Its whole standard input. */
  type(text: string): void {
    this.#child.stdin.end(text);
  }

  /** Nobody reads standard output any more. */
  closeStdout(): void {
    this.#child.stdout.destroy();
  }

  /** Resolves when the command has ended; kills it, and fails, at the deadline. */
  async ended(): Promise<CommandResult> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), DEADLINE_MS);
    await this.#ended;
    clearTimeout(timer);
    const { exitCode, signalCode } = this.#child;
    return { status: exitCode, signal: signalCode, stdout: this.stdout, stderr: this.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #missing(pattern: RegExp): Error {
    return new Error(
      `the command wrote nothing like ${pattern}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`,
    );
  }
}

/** Starts the command of this checkout as `shell` says, where `"$@"` is the command. */
export function runningInShell(shell: string, args: readonly string[]): RunningCommand {
  return new RunningCommand(args, {}, COMMAND, shell);
}

/** Runs a command that ends by itself. */
export async function runCommand(...args: string[]): Promise<CommandResult> {
  await using command = new RunningCommand(args);
  return await command.ended();
}
