/** The test's end of the load program: see main.js for what it does. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadReply, LoadRequest } from './main.js';

const script = fileURLToPath(new URL('main.js', import.meta.url));

export class LoadProgram {
  readonly #child: ChildProcess;
  /** The echo server's address, as `--backend` takes it. */
  readonly address: string;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(): Promise<LoadProgram> {
    const child = fork(script, { stdio: 'inherit' });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new LoadProgram(child, port);
  }

  async run(request: LoadRequest): Promise<LoadReply> {
    const answer = once(this.#child, 'message') as Promise<[LoadReply]>;
    const ended = once(this.#child, 'exit').then(([status]) => {
      throw new Error(`the load program ended with status ${status}`);
    });
    ended.catch(() => {});
    this.#child.send(request);
    const [reply] = await Promise.race([answer, ended]);
    return reply;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
