/** The command under test, as built, in a process of its own. */
import { fileURLToPath } from 'node:url';
import { Daemon } from './daemon.js';
import { type OpenFiles, openFilesOf } from './process-usage.js';

const command = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export type EngineName = 'native' | 'stream';
export const engines: readonly EngineName[] = ['native', 'stream'];

/** Who accepts, with the native engine. */
export const accepts = ['native', 'node'] as const;

/** Every engine with everyone who can accept for it. */
export const ways: readonly { name: string; engine: EngineName; args: readonly string[] }[] = [
  ...accepts.map((accept) => ({
    name: `native engine, ${accept} accept`,
    engine: 'native' as const,
    args: ['--accept', accept],
  })),
  { name: 'stream engine', engine: 'stream', args: [] },
];

export interface ProxyOptions {
  readonly engine: EngineName;
  /** In turn-taking order. */
  readonly backends: readonly { readonly address: string }[];
  readonly args?: readonly string[];
}

export class ProxyProcess {
  readonly #daemon: Daemon;
  readonly port: number;

  private constructor(daemon: Daemon, port: number) {
    this.#daemon = daemon;
    this.port = port;
  }

  /** Starts it on a port of its own choice, and waits for its word that it listens. */
  static async start({ engine, backends, args = [] }: ProxyOptions): Promise<ProxyProcess> {
    const daemon = new Daemon(process.execPath, [
      command,
      ...['--listen', '127.0.0.1:0', '--engine', engine],
      ...backends.flatMap((backend) => ['--backend', backend.address]),
      ...args,
    ]);
    const port = await daemon.ready(() =>
      Number(daemon.output.match(/listening on 127\.0\.0\.1:(\d+)/)?.[1] ?? 0),
    );
    return new ProxyProcess(daemon, port);
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  /** What it has open at this moment. */
  openFiles(): OpenFiles {
    return openFilesOf(this.pid);
  }

  /** The last that it printed. */
  get output(): string {
    return this.#daemon.output;
  }

  /**
   * Asks it to drain and stop.
   *
   * @throws when it does not, or when its exit status says that it was not a clean end
   */
  async stop(): Promise<void> {
    if (this.#daemon.hasExited) {
      throw new Error(`the proxy ended before it was stopped\n${this.#daemon.output}`);
    }
    const status = await this.#daemon.stop();
    if (status !== 0) throw new Error(`the proxy's exit status is ${status}\n${this.output}`);
  }
}
