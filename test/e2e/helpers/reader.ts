/** Somebody who does what a page says: writes its files, types its commands, and lets the proxy run meanwhile. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../scripts/lib/port.js';
import { blocksOf, commandsOf } from '../../helpers/documents.js';
import { runOk } from './command.js';
import { Daemon } from './daemon.js';
import { findProgram } from './programs.js';
import { makeTempFolder, removeFolder } from './temp-folder.js';

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface ReaderOptions {
  /** The ports of the page, and what they are in this test. Port 5555, the proxy's, is any free one. */
  readonly ports?: Readonly<Record<number, number>>;
  /** Files of the reader's home folder, such as credentials. */
  readonly home?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A command of a page, and what it printed. */
export interface Typed {
  readonly command: string;
  readonly output: string;
}

export class Reader {
  readonly #folder: string;
  readonly #ports: ReadonlyMap<string, number>;
  readonly #environment: NodeJS.ProcessEnv;
  #proxy: Daemon | undefined;
  /** Where the page's 5555 is. */
  readonly port: number;

  private constructor(folder: string, port: number, { ports, environment }: ReaderOptions) {
    this.#folder = folder;
    this.port = port;
    this.#ports = new Map(Object.entries({ ...ports, 5555: port }));
    const folders = [`${folder}/bin`, path.dirname(findProgram('psql') ?? '/'), process.env.PATH];
    this.#environment = {
      ...process.env,
      HOME: folder,
      PATH: folders.join(':'),
      ...environment,
    };
  }

  static async create(options: ReaderOptions = {}): Promise<Reader> {
    const folder = await makeTempFolder('reader');
    await mkdir(path.join(folder, 'bin'));
    const script = `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`;
    await writeFile(path.join(folder, 'bin/spliceway'), script, { mode: 0o755 });
    for (const [name, text] of Object.entries(options.home ?? {})) {
      await writeFile(path.join(folder, name), text, { mode: 0o600 });
    }
    return new Reader(folder, await freePort(), options);
  }

  /** With the ports of this test. */
  translate(text: string): string {
    return text.replace(/\b\d{4}\b/g, (port) => String(this.#ports.get(port) ?? port));
  }

  /**
   * Writes each block of YAML to the file that its first line names, and runs each command. The proxy is left to run
   * in the background once it listens.
   */
  async follow(page: string): Promise<Typed[]> {
    const typed: Typed[] = [];
    for (const block of blocksOf(page)) {
      if (block.kind === 'yaml') await this.#write(block.text);
      if (block.kind !== 'sh') continue;
      for (const command of commandsOf(block)) {
        typed.push({ command, output: await this.#type(this.translate(command)) });
      }
    }
    return typed;
  }

  async stop(): Promise<void> {
    const status = await this.#proxy?.stop();
    await removeFolder(this.#folder);
    if (status) throw new Error(`the proxy's exit status is ${status}\n${this.#proxy?.output}`);
  }

  async #write(text: string): Promise<void> {
    const [, name] = /^# (\S+\.yaml)$/m.exec(text) ?? [];
    if (name !== undefined) await writeFile(path.join(this.#folder, name), this.translate(text));
  }

  async #type(command: string): Promise<string> {
    const isProxy = /^spliceway --/.test(command);
    const options = { cwd: this.#folder, env: this.#environment };
    const words = ['-c', `exec ${command}`];
    if (!isProxy) return await runOk('/bin/sh', words, options);
    const proxy = new Daemon('/bin/sh', words, options);
    this.#proxy = proxy;
    await proxy.ready(() => proxy.output.includes(`:${this.port}`));
    return proxy.output;
  }
}
