/** The commands that talk to a balancer which runs. What they need is loaded when one of them is used. */
import type { ControlClient } from '../../control/client.js';
import type { Command } from '../../vendor/commander.js';
import { ExitStatus } from '../status.js';
import type { TopFlags } from '../top/top.js';
import type { ChangeFlags } from './change.js';
import type { DrainFlags } from './drain.js';
import type { EventsFlags } from './events.js';
import type { InstanceFlags } from './instance.js';
import type { KillFlags } from './kill.js';
import type { SessionsFlags } from './sessions.js';

/** Told the words behind a command, and its flags: unchecked text. */
type Act =
  | ((client: ControlClient, ...words: never[]) => Promise<ExitStatus>)
  | ((client: ControlClient, ...words: never[]) => Promise<void>);

/** Declares them. @param setStatus told how one of them has ended */
export function addRemoteCommands(program: Command, setStatus: (status: ExitStatus) => void): void {
  const remote = (usage: string, description: string, act: Act): Command =>
    program
      .command(usage)
      .description(description)
      .option('--name <name>', 'which balancer, where several run here')
      .option('--control <path>', 'the file of its control socket')
      .option('--json', 'print JSON, for programs')
      .action(async (...words: unknown[]) => {
        // Whoever read has gone, as in `spliceway events --follow | head`: there is nothing left to do.
        process.stdout.once('error', () => process.exit(ExitStatus.clean));
        // The last one is the command itself, behind its flags.
        const flags = words.at(-2) as InstanceFlags;
        const { clientOf } = await import('./instance.js');
        const client = await clientOf(flags);
        setStatus((await act(client, ...(words.slice(0, -1) as never[]))) ?? ExitStatus.clean);
      });

  program.commandsGroup('To a balancer that runs:');
  remote(
    'status',
    'what runs, and how it is; exit 1 when a pool has no backend to pick',
    async (client, flags: ChangeFlags) => (await import('./status.js')).status(client, flags),
  );
  remote(
    'top',
    'what it does a second, look by look, with keys that change it',
    async (client, flags: TopFlags) => (await import('../top/top.js')).top(client, flags),
  )
    .option('--once', 'print it once, and end')
    .option('--interval <time>', 'between two looks', '1s');
  addSessionCommands(remote);
  addBackendCommands(remote);
  addFileCommands(remote);
  remote(
    'events',
    'the last changes, and what happens from now on',
    async (client, flags: EventsFlags) => (await import('./events.js')).events(client, flags),
  ).option('-f, --follow', 'go on until Ctrl+C');
}

type Declare = (usage: string, description: string, act: Act) => Command;

function addSessionCommands(remote: Declare): void {
  const withFilter = (command: Command) =>
    command
      .option('--pool <name>', 'only those of this pool')
      .option('--backend <name>', 'only those with this backend')
      .option('--client <address>', 'only those of this address, or of a network: 10.1.0.0/16')
      .option('--listener <name>', 'only those that this listener has taken');
  withFilter(
    remote(
      'sessions',
      'who is connected, and what each moves',
      async (client, flags: SessionsFlags) =>
        (await import('./sessions.js')).sessions(client, flags),
    ),
  ).option('--top <count>', 'only so many, those first that have moved the most bytes');
  withFilter(
    remote(
      'kill [ids...]',
      'end sessions: those named, or all of a filter; asks first',
      async (client, ids: string[], flags: KillFlags) =>
        (await import('./kill.js')).kill(client, ids, flags),
    ),
  ).option('-y, --yes', 'do not ask');
}

function addBackendCommands(remote: Declare): void {
  remote(
    'set <target> <changes...>',
    'change pool/backend: weight=3 state=drain maxSessions=100 health=down',
    async (client, target: string, changes: string[], flags: ChangeFlags) =>
      (await import('./change.js')).set(client, target, changes, flags),
  );
  remote(
    'drain [target]',
    'send no new sessions to pool/backend; exit 1 when it has some left after --wait',
    async (client, target: string | undefined, flags: DrainFlags) =>
      (await import('./drain.js')).drain(client, target, flags),
  )
    .usage('[options] <target>')
    .option('--wait [time]', 'until its last session has left, or for so long at most')
    .option('--after <time>', 'end the sessions that are left then');
  remote(
    'add <pool> <backend>',
    'add a backend, as --backend has it: 127.0.0.1:3308,name=db-3',
    async (client, pool: string, backend: string, flags: ChangeFlags) =>
      (await import('./change.js')).add(client, pool, backend, flags),
  );
  remote(
    'remove <target>',
    'take pool/backend out',
    async (client, target: string, flags: ChangeFlags) =>
      (await import('./change.js')).remove(client, target, flags),
  ).option('--after <time>', 'end the sessions that are left then');
  remote(
    'reset [pool-or-target]',
    'take back what was set by hand of pool/backend, of a pool, or of all',
    async (client, target: string | undefined, flags: ChangeFlags) =>
      (await import('./change.js')).reset(client, target, flags),
  ).option('-y, --yes', 'do not ask, where all is meant');
}

function addFileCommands(remote: Declare): void {
  remote(
    'reload',
    'read the file again, and say what has changed',
    async (client, flags: ChangeFlags) => (await import('./compare.js')).reload(client, flags),
  );
  remote(
    'diff',
    'what a reload would change; exit 1 when something would',
    async (client, flags: ChangeFlags) => (await import('./compare.js')).diff(client, flags),
  ).option('-c, --config <file>', 'what this file would change, if it were the one');
  remote(
    'config',
    'what runs, as a file that can be loaded again',
    async (client, flags: ChangeFlags) => (await import('./config.js')).config(client, flags),
  );
}
