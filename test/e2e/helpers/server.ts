import type { Daemon } from './daemon.js';
import { removeFolder } from './temp-folder.js';

/** A server of the system, started for a test: own folder, own port, gone after `stop`. */
export class Server {
  readonly #daemon: Daemon;
  /** Its data and configuration. */
  readonly folder: string;
  /** On 127.0.0.1. */
  readonly port: number;

  constructor(daemon: Daemon, folder: string, port: number) {
    this.#daemon = daemon;
    this.folder = folder;
    this.port = port;
  }

  /** As `--backend` takes it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** For stopping it for a while, mostly. */
  signal(signal: NodeJS.Signals): void {
    this.#daemon.signal(signal);
  }

  /** Ends it as a crash would; the folder stays until `stop`. */
  kill(): Promise<void> {
    return this.#daemon.kill();
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
    await removeFolder(this.folder);
  }
}
