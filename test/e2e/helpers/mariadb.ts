import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { accepts, freePort } from '../../../scripts/lib/port.js';
import { runOk } from './command.js';
import { Daemon } from './daemon.js';
import { identityOf } from './identity.js';
import { program } from './programs.js';
import { Server } from './server.js';
import { makeTempFolder, removeFolder } from './temp-folder.js';

export const mariadbNeeds = {
  mariadbd: 'mariadb-server',
  'mariadb-install-db': 'mariadb-server',
  mariadb: 'mariadb-client',
};

/** The server changes to this user itself; without root it is whoever runs the tests. */
const asRoot = identityOf('root') ? ['--user=root'] : [];

/** Small, and not careful: the data lives for one test. */
const settings = [
  '--innodb-buffer-pool-size=16M',
  '--innodb-log-file-size=48M',
  '--innodb-flush-log-at-trx-commit=0',
  '--max-allowed-packet=256M',
  '--skip-log-bin',
];

/** A folder with a fresh data directory, from which others can be copied: making one takes seconds. */
export async function makeMariadbTemplate(): Promise<{ folder: string; stop(): Promise<void> }> {
  const folder = await makeTempFolder('mariadb-template');
  await runOk(program('mariadb-install-db'), [
    '--no-defaults',
    `--datadir=${folder}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    ...asRoot,
  ]);
  return { folder, stop: () => removeFolder(folder) };
}

/**
 * @param template what `makeMariadbTemplate` made
 * @param more settings of the server
 */
export async function startMariadb(
  template: string,
  more: readonly string[] = [],
): Promise<Server> {
  const folder = await makeTempFolder('mariadb');
  const data = path.join(folder, 'data');
  await cp(template, data, { recursive: true });
  const init = path.join(folder, 'init.sql');
  await writeFile(
    init,
    [
      // The same on every server, so nothing that one would tell another.
      'SET sql_log_bin = 0;',
      "CREATE USER 'tester'@'%' IDENTIFIED BY 'secret';",
      "GRANT ALL ON *.* TO 'tester'@'%' WITH GRANT OPTION;",
      'CREATE DATABASE shop;\n',
    ].join('\n'),
  );
  const port = await freePort();
  const daemon = new Daemon(program('mariadbd'), [
    '--no-defaults',
    `--datadir=${data}`,
    `--socket=${path.join(folder, 'socket')}`,
    `--pid-file=${path.join(folder, 'pid')}`,
    `--init-file=${init}`,
    '--skip-networking=0',
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    ...settings,
    ...more,
    ...asRoot,
  ]);
  await daemon.ready(() => accepts(port));
  return new Server(daemon, folder, port);
}

/** Arguments of the `mariadb` client for a server or proxy on a port: values only, one row a line. */
export const clientArguments = (port: number, user = 'tester'): string[] => [
  '--no-defaults',
  '--protocol=tcp',
  '--host=127.0.0.1',
  `--port=${port}`,
  `--user=${user}`,
  '--password=secret',
  '--max-allowed-packet=256M',
  '--batch',
  '--skip-column-names',
];

/** Runs statements with a client of its own. @returns what it printed, without the last line's end */
export async function query(port: number, statements: string, database = 'shop'): Promise<string> {
  const output = await runOk(program('mariadb'), [...clientArguments(port), database], {
    input: statements,
  });
  return output.trimEnd();
}
