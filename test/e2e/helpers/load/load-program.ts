/** The test's end of the load program: see main.js for what it does. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadReply, LoadRequest } from './main.js';

const script = fileURLToPath(new URL('main.js', import.meta.url));

export class LoadProgram {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;
  /** The echo server's address, as `--backend` takes it. */
  readonly address: string;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.#ended = once(child, 'exit').then(([status]) => {
      throw new Error(`the load program ended with status ${status}`);
    });
    this.#ended.catch(() => {});
    this.address = `127.0.0.1:${port}`;
  }

  static async start(): Promise<LoadProgram> {
    const child = fork(script, { stdio: 'inherit' });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new LoadProgram(child, port);
  }

  async run(request: LoadRequest): Promise<LoadReply> {
    const answer = new Promise<LoadReply>((resolve) => this.#child.once('message', resolve));
    this.#child.send(request);
    return await Promise.race([answer, this.#ended]);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
