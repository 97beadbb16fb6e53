import { chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from '../../../scripts/lib/port.js';
import { otherUsers } from '../../helpers/machine.js';
import { describeWhere } from '../../helpers/where.js';
import { type CommandOptions, runCommand, runOk } from './command.js';
import { Daemon } from './daemon.js';
import { identityOf } from './identity.js';
import { type Needs, program, remedyFor } from './programs.js';
import { Server } from './server.js';
import { makeTempFolder } from './temp-folder.js';

const needs: Needs = {
  initdb: 'postgresql',
  postgres: 'postgresql',
  pgbench: 'postgresql',
  pg_isready: 'postgresql-client',
  psql: 'postgresql-client',
  pg_basebackup: 'postgresql-client',
  pg_ctl: 'postgresql',
};

/** For tests that need its server, which refuses to be root, and its clients. */
export function describeWithPostgres(title: string, tests: () => void): void {
  const identity = process.getuid?.() === 0 ? otherUsers() : undefined;
  describeWhere(remedyFor(needs) ?? identity, title, tests);
}

/** Arguments of every PostgreSQL client for a server or proxy on a port. */
export const connectionArguments = (port: number): string[] => [
  '--host=127.0.0.1',
  `--port=${port}`,
  '--username=tester',
];

export function startPostgres(): Promise<Server> {
  const initArguments = ['--username=tester', '--auth=trust', '--no-sync', '--locale=C.UTF-8'];
  return start((data, identity) =>
    runOk(program('initdb'), [`--pgdata=${data}`, ...initArguments], identity),
  );
}

/** A hot standby of another server: it follows that, and answers what only reads. */
export function startStandby(primary: Server): Promise<Server> {
  const copyArguments = ['--write-recovery-conf', '--checkpoint=fast', '--no-sync'];
  return start((data, identity) =>
    runOk(
      program('pg_basebackup'),
      [...connectionArguments(primary.port), `--pgdata=${data}`, ...copyArguments],
      identity,
    ),
  );
}

/** A standby is a primary from now on. */
export async function promote(standby: Server): Promise<void> {
  const words = ['promote', '--silent', `--pgdata=${dataOf(standby.folder)}`];
  await runOk(program('pg_ctl'), words, identityOf('postgres'));
}

/** Runs a statement with a client of its own. @returns what it printed, values only, one row a line */
export async function sql(port: number, statement: string): Promise<string> {
  const values = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align'];
  const words = [...connectionArguments(port), ...values, '--command', statement, 'postgres'];
  return (await runOk(program('psql'), words)).trimEnd();
}

const dataOf = (folder: string) => path.join(folder, 'data');

/** @param fill makes a data directory of an empty folder */
async function start(
  fill: (data: string, identity: CommandOptions | undefined) => Promise<unknown>,
): Promise<Server> {
  const folder = await makeTempFolder('postgres');
  const data = dataOf(folder);
  const identity = identityOf('postgres');
  await mkdir(data, { mode: 0o700 });
  if (identity) {
    await chown(folder, identity.uid, identity.gid);
    await chown(data, identity.uid, identity.gid);
  }
  await fill(data, identity);

  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    fsync: 'off',
    max_connections: '50',
  };
  const daemon = new Daemon(
    program('postgres'),
    [
      ...['-D', data, '-p', String(port)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // SIGINT is its fast shutdown: it does not wait for clients to leave.
    { ...identity, cwd: folder, stopSignal: 'SIGINT' },
  );
  await daemon.ready(async () => {
    const { status } = await runCommand(program('pg_isready'), connectionArguments(port));
    return status === 0;
  });
  return new Server(daemon, folder, port);
}
