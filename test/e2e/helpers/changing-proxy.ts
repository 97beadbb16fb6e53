/** A proxy whose configuration changes while it runs: the command with its file, or a program with the library. */
import { renameSync, writeFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import type { LongOptions } from '../../../src/config/options.js';
import type { ProxyStats } from '../../../src/observe/stats.js';
import { RunningCommand } from '../../helpers/cli.js';
import { packageUrl, startProgram } from '../../helpers/program.js';
import { tempPath } from '../../helpers/temp.js';
import { waitUntil } from './wait.js';

/** What an operator does to a backend of a running proxy: its pool, its name, a method of its handle and its argument. */
export type Deed = readonly [
  pool: string,
  backend: string,
  what: 'drain' | 'ready' | 'setWeight',
  argument?: number,
];

export interface ChangingProxy {
  readonly pid: number;
  /** By the names of the listeners that it begins with. */
  readonly ports: Readonly<Record<string, number>>;
  /** Resolves when it is in effect; with its generation. */
  change(options: LongOptions): Promise<number>;
  /**
   * The same with a configuration that has an error.
   *
   * @returns what it says of the error
   */
  changeWrongly(options: LongOptions): Promise<string>;
  /** Asks it to close, and waits. @throws when that was no clean end */
  stop(): Promise<void>;
}

/** Ended when the test ends. */
export async function startCommand(options: LongOptions): Promise<ChangingProxy> {
  const file = tempPath('balance.json');
  const put = (wanted: LongOptions) => {
    writeFileSync(`${file}.new`, textOf(wanted));
    renameSync(`${file}.new`, file);
  };
  put(options);
  const command = new RunningCommand(['--config', file]);
  onTestFinished(() => command[Symbol.asyncDispose]());
  const names = Object.keys(options.listeners ?? {});
  await command.waitFor('stdout', new RegExp(`(listening on .*\\n){${names.length}}`));
  const ports = [...command.stdout.matchAll(/^listening on .*:(\d+)$/gm)].map(([, port]) =>
    Number(port),
  );
  let seen = 0;
  /** What the log says of a reload, up to the line with this. */
  const reload = async (wanted: LongOptions, end: RegExp): Promise<RegExpExecArray> => {
    put(wanted);
    command.kill('SIGHUP');
    const match = await waitUntil(() => end.exec(command.stderr.slice(seen)), {
      what: `${end} in the log: ${command.stderr.slice(-2000)}`,
    });
    seen += match.index + match[0].length;
    return match;
  };
  return {
    pid: command.pid,
    ports: Object.fromEntries(names.map((name, index) => [name, ports[index] ?? 0])),
    change: async (wanted) => Number((await reload(wanted, /\(generation (\d+)\)/))[1]),
    changeWrongly: async (wanted) => {
      const [, line = ''] = await reload(wanted, /"msg":"([^\n]*)"}\n[^\n]*not applied/);
      return line.replace(file, 'FILE');
    },
    stop: async () => {
      command.kill('SIGTERM');
      const { status, stderr } = await command.ended();
      if (status !== 0) throw new Error(`exit status ${status}\n${stderr.slice(-2000)}`);
    },
  };
}

/** A line for each value, so that a place in it says something. */
export function textOf(options: LongOptions): string {
  return `${JSON.stringify(options, undefined, 2)}\n`;
}

export interface ChangingProgram extends ChangingProxy {
  /** Does them at once, one after the other. */
  act(...deeds: Deed[]): Promise<void>;
  stats(): Promise<ProxyStats>;
}

interface Answer {
  readonly generation?: number;
  readonly error?: string;
  readonly stats: ProxyStats;
}

const program = `
  import { createProxy } from ${JSON.stringify(packageUrl)};
  const proxy = await createProxy(JSON.parse(process.argv.at(-1)));
  process.on('message', async ({ options, deeds, isLast }) => {
    try {
      if (isLast) return proxy.close().then(() => process.disconnect());
      const { generation } = options === undefined ? {} : await proxy.update(options);
      // A drain takes as long as its sessions.
      for (const [pool, backend, what, argument] of deeds ?? []) {
        void proxy.pool(pool).backend(backend)[what](argument);
      }
      process.send({ generation, stats: proxy.stats() });
    } catch (error) {
      process.send({ error: error.message, stats: proxy.stats() });
    }
  });
  process.send(proxy.addresses().map(({ port }) => port));
`;

/** Ended when the test ends. */
export async function startChangingProgram(options: LongOptions): Promise<ChangingProgram> {
  const running = startProgram(program, options);
  const names = Object.keys(options.listeners ?? {});
  const ports = (await running.message()) as number[];
  const ask = async (question: object): Promise<Answer> => {
    running.process.send(question);
    return (await running.message()) as Answer;
  };
  return {
    pid: running.process.pid ?? 0,
    ports: Object.fromEntries(names.map((name, index) => [name, ports[index] ?? 0])),
    change: async (wanted) => {
      const { generation, error } = await ask({ options: wanted });
      if (generation === undefined) throw new Error(error);
      return generation;
    },
    changeWrongly: async (wanted) => (await ask({ options: wanted })).error ?? '',
    act: async (...deeds) => {
      const { error } = await ask({ deeds });
      if (error !== undefined) throw new Error(error);
    },
    stats: async () => (await ask({})).stats,
    stop: async () => {
      running.process.send({ isLast: true });
      const { code, output } = await running.ended;
      if (code !== 0) throw new Error(`exit status ${code}\n${output}`);
    },
  };
}
