/** Balancers that run, and commands that talk to them: each a process of the built command. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type ControlClient, connectControl } from '../../src/control/client.js';
import type { ControlStatus } from '../../src/control/types.js';
import { type CommandResult, RunningCommand } from './cli.js';
import { within } from './deadline.js';
import { tempPath } from './temp.js';

/** What they call a balancer that a test starts without a name. */
export const NAME = 'edge';

/** A folder for what runs, as a service manager makes it. Another balancer of this machine is not looked for. */
export function runtimeFolder(): string {
  const folder = tempPath('run');
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

export interface BalancerOptions {
  /** What its file says, as YAML or as an object. Default: it has none, and `flags` say all. */
  readonly config?: string | object;
  readonly flags?: readonly string[];
  readonly name?: string;
  /** Default: one of its own. */
  readonly folder?: string;
}

/** A balancer that runs. It ends when the test does. */
export interface Balancer {
  readonly command: RunningCommand;
  readonly folder: string;
  /** Of its first listener. */
  readonly port: number;
  /** Its configuration; the file is there only where it was started with one. */
  readonly file: string;
  readonly client: ControlClient;
  /** Gives the file another text, in one step. */
  write(config: string | object): void;
  /** Runs a command that talks to it, to its end. */
  run(...args: string[]): Promise<CommandResult>;
  /** Starts a command that talks to it. */
  start(...args: string[]): RunningCommand;
}

export async function startBalancer({
  config,
  flags = [],
  name = NAME,
  folder = runtimeFolder(),
}: BalancerOptions): Promise<Balancer> {
  const file = tempPath('balance.yaml');
  const write = (wanted: string | object) => {
    writeFileSync(`${file}.new`, typeof wanted === 'string' ? wanted : JSON.stringify(wanted));
    renameSync(`${file}.new`, file);
  };
  if (config !== undefined) write(config);
  const ofFile = config === undefined ? [] : ['--config', file];
  const env = environmentOf(folder);
  const command = new RunningCommand([...ofFile, '--name', name, ...flags], env);
  onTestFinished(() => command[Symbol.asyncDispose]());
  const port = await command.port();
  await command.waitFor('stderr', /"msg":"control socket: /);
  const start = (...args: string[]) => {
    const started = new RunningCommand(args, env);
    onTestFinished(() => started[Symbol.asyncDispose]());
    return started;
  };
  return {
    ...{ command, folder, port, file, write, start },
    client: connectControl(path.join(folder, `${name}.sock`)),
    run: (...args) => start(...args).ended(),
  };
}

/** In which nothing but the folder says where balancers are, and nothing says how output looks. */
export const environmentOf = (folder: string): NodeJS.ProcessEnv => ({
  ...{ RUNTIME_DIRECTORY: folder, XDG_RUNTIME_DIR: '' },
  // Node shows no colours where it finds CI.
  ...{ NO_COLOR: undefined, FORCE_COLOR: undefined, NODE_DISABLE_COLORS: undefined, CI: undefined },
});

const PTY = fileURLToPath(new URL('on-terminal.py', import.meta.url));

/**
 * A command on a terminal of its own, where somebody types by `write()`. What it shows, on both streams, is its `stdout`.
 *
 * @param words another program that runs there, as a shell reads it
 */
export function startOnTerminal(
  { folder }: Pick<Balancer, 'folder'>,
  columns: number,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  words = '"$@"',
): RunningCommand {
  const env = { ...environmentOf(folder), TERM: 'xterm-256color', ...environment };
  const shell = `exec python3 ${PTY} ${columns} ${words}`;
  const started = new RunningCommand(args, env, undefined, shell);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

/** Waits for what a status says: figures come a moment after what they count. */
export async function untilTold(
  balancer: Balancer,
  what: string,
  isSo: (status: ControlStatus) => boolean,
): Promise<void> {
  const told = async () => {
    while (!isSo(await balancer.client.status()));
  };
  await within(what, told());
}

/** Lines of a table by their first cell, each a list of its cells; without the titles. */
export function cellsOf(output: string, title: string): ReadonlyMap<string, readonly string[]> {
  const lines = output.split('\n');
  const first = lines.findIndex((line) => line.startsWith(title)) + 1;
  const last = lines.indexOf('', first);
  const cells = lines.slice(first, last < 0 ? undefined : last).map((line) => line.split(/ {2,}/));
  return new Map(cells.map(([key = '', ...rest]) => [key, rest]));
}
