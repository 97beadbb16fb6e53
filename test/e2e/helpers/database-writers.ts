/** Clients that write to a table `journal` of a database, or to keys of Redis: the programs that the servers come with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { clientArguments } from './mariadb.js';
import { connectionArguments } from './postgres.js';
import { program } from './programs.js';
import { type Lines, LineWriter, Refused, type WritingClient } from './writers.js';

/** An id, and the port of the server that took it. */
export const journal = 'CREATE TABLE journal (id BIGINT PRIMARY KEY, server INT)';

const insert = (port: string) => (id: number) =>
  `INSERT INTO journal VALUES (${id}, ${port}) RETURNING server;\n`;

function start(name: string, args: readonly string[]): Lines {
  const child = spawn(program(name), args, { stdio: 'pipe' });
  return {
    input: child.stdin,
    outputs: [child.stdout, child.stderr],
    ended: once(child, 'close'),
    stop: () => child.kill('SIGKILL'),
  };
}

/** @param user an account that may not write where the server is read-only */
export function openMariadbWriter(port: number, user: string): WritingClient {
  const stays = ['--unbuffered', '--force', '--skip-reconnect', 'shop'];
  const lines = start('mariadb', [...clientArguments(port, user), ...stays]);
  return new LineWriter(lines, insert('@@port'), (line) => {
    if (/^\d+$/.test(line)) return { by: line };
    if (!line.startsWith('ERROR')) return undefined;
    // Errors of the client begin with 20, and are of the connection.
    return { error: /^ERROR 20/.test(line) ? new Error(line) : new Refused(line) };
  });
}

export function openPostgresWriter(port: number): WritingClient {
  const values = [
    '--no-psqlrc',
    '--quiet',
    '--tuples-only',
    '--no-align',
    '--variable=VERBOSITY=terse',
  ];
  const lines = start('psql', [...connectionArguments(port), ...values, 'postgres']);
  return new LineWriter(lines, insert('inet_server_port()'), (line) => {
    if (/^\d+$/.test(line)) return { by: line };
    return line.startsWith('ERROR') ? { error: new Refused(line) } : undefined;
  });
}

/** The name of a key. */
export const keyOf = (id: number) => `journal:${id}`;

export function openRedisWriter(port: number): WritingClient {
  const socket = connect(port, '127.0.0.1');
  const lines: Lines = {
    input: socket,
    outputs: [socket],
    ended: once(socket, 'close').catch(() => {}),
    stop: () => socket.destroy(),
  };
  let by = '';
  // What it is connected to stands in the list of its clients.
  const statement = (id: number) => `CLIENT INFO\r\nSET ${keyOf(id)} 1\r\n`;
  return new LineWriter(lines, statement, (line) => {
    by = /\bladdr=[^ ]*:(\d+)/.exec(line)?.[1] ?? by;
    if (line.startsWith('+OK')) return { by };
    return line.startsWith('-') ? { error: new Refused(line) } : undefined;
  });
}
