/** Small programs of the tests, in processes of their own: what they are about would end the test's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { within } from './deadline.js';

/** The built package, for programs that use it as its users do. */
export const packageUrl = new URL('../../dist/index.js', import.meta.url).href;

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Standard output, then standard error. */
  readonly output: string;
}

export interface RunningProgram {
  readonly process: ChildProcess;
  /** The next message that it sends with `process.send`; rejects when it ends first. */
  message(): Promise<unknown>;
  readonly ended: Promise<ProgramEnd>;
}

/**
 * Runs a module from its text, killed when the test ends.
 *
 * @param task what it finds, as JSON, in the last of `process.argv`
 */
export function startProgram(text: string, task: object): RunningProgram {
  const args = ['--input-type=module', '-e', text, JSON.stringify(task)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (data: string) => {
      output[stream] += data;
    });
  }
  const messages: unknown[] = [];
  child.on('message', (message) => messages.push(message));
  const ended = once(child, 'close').then(([code, signal]) => ({
    code,
    signal,
    output: output.stdout + output.stderr,
  }));
  const next = async () => {
    while (messages.length === 0) {
      const end = await Promise.race([once(child, 'message').then(() => undefined), ended]);
      if (end !== undefined) throw new Error(`the program ended: ${JSON.stringify(end)}`);
    }
    return messages.shift();
  };
  return { process: child, message: () => within('a message of the program', next()), ended };
}
