import { chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from '../../../scripts/lib/port.js';
import { runCommand, runOk } from './command.js';
import { Daemon } from './daemon.js';
import { identityOf } from './identity.js';
import { program } from './programs.js';
import { Server } from './server.js';
import { makeTempFolder } from './temp-folder.js';

export const postgresNeeds = {
  initdb: 'postgresql',
  postgres: 'postgresql',
  pgbench: 'postgresql',
  pg_isready: 'postgresql-client',
};

/** Arguments of every PostgreSQL client for a server or proxy on a port. */
export const connectionArguments = (port: number): string[] => [
  '--host=127.0.0.1',
  `--port=${port}`,
  '--username=tester',
];

export async function startPostgres(): Promise<Server> {
  const folder = await makeTempFolder('postgres');
  const data = path.join(folder, 'data');
  const identity = identityOf('postgres');
  await mkdir(data, { mode: 0o700 });
  if (identity) {
    await chown(folder, identity.uid, identity.gid);
    await chown(data, identity.uid, identity.gid);
  }
  const initArguments = ['--username=tester', '--auth=trust', '--no-sync', '--locale=C.UTF-8'];
  await runOk(program('initdb'), [`--pgdata=${data}`, ...initArguments], identity);

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
