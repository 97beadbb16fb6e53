/** The servers behind the proxy, each with the client that puts load on it. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { accepts, freePort } from '../lib/port.js';
import { startProgram } from '../lib/program.js';
import { inRoot } from '../lib/root.js';
import { findProgram, run } from '../lib/run.js';
import { nginxConfiguration } from './nginx.js';

/** @import { RunningProgram } from '../lib/program.js' */

/**
 * @typedef {object} Service
 * @property {string} name
 * @property {Readonly<Record<string, string>>} needs programs, and the Debian packages that have them
 * @property {number} backends how many servers
 * @property {(folder: string, port: number) => Promise<RunningProgram>} start one server, again and again in
 *   the same folder at the same port
 * @property {(folder: string) => Promise<unknown>} [prepare] its folder, once
 * @property {(port: number) => [command: string, args: string[]]} load a client that ends by itself after some
 *   seconds, or fails: under these circumstances it may
 */

/** @param {string} command @param {readonly string[]} args @param {number} port */
const startServer = (command, args, port) =>
  startProgram(findProgram(command) ?? command, args, () => accepts(port));

/** @param {string} name */
const ownProgram = (name) => inRoot('scripts', 'soak', 'check', `${name}.js`);

/** @type {readonly Service[]} */
export const services = [
  {
    name: 'checked',
    needs: {},
    backends: 2,
    start: (_, port) => startServer(process.execPath, [ownProgram('server'), String(port)], port),
    load: (port) => [process.execPath, [ownProgram('client'), String(port)]],
  },
  {
    name: 'http',
    needs: { nginx: 'nginx', wrk: 'wrk' },
    backends: 2,
    start: (folder, port) => {
      const file = nginxConfiguration(folder, port);
      return startServer('nginx', ['-e', 'stderr', '-p', folder, '-c', file], port);
    },
    load: (port) => [
      'wrk',
      [...['-t', '1', '-c', '20', '-d', '2s', '--timeout', '2s'], `http://127.0.0.1:${port}/`],
    ],
  },
  {
    name: 'redis',
    needs: { 'redis-server': 'redis-server', 'redis-benchmark': 'redis-tools' },
    backends: 2,
    start: (folder, port) =>
      startServer(
        'redis-server',
        [
          ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
          ...['--save', '', '--appendonly', 'no'],
        ],
        port,
      ),
    load: (port) => [
      'redis-benchmark',
      [...['-p', String(port), '-c', '20', '-n', '5000', '-d', '2000'], ...['-t', 'set,get', '-q']],
    ],
  },
  {
    name: 'mariadb',
    needs: {
      mariadbd: 'mariadb-server',
      'mariadb-install-db': 'mariadb-server',
      'mariadb-slap': 'mariadb-client',
    },
    backends: 1,
    prepare: async (folder) => {
      const args = ['--no-defaults', `--datadir=${folder}`, '--skip-test-db', ...asRoot];
      const { status, output } = await run(findProgram('mariadb-install-db') ?? '', args);
      if (status !== 0) throw new Error(`mariadb-install-db: ${output}`);
    },
    start: (folder, port) =>
      startServer(
        'mariadbd',
        [
          ...['--no-defaults', '--skip-grant-tables', '--skip-networking=0', '--skip-log-bin'],
          ...[`--datadir=${folder}`, `--socket=${path.join(folder, 'socket')}`],
          ...['--bind-address=127.0.0.1', `--port=${port}`, '--skip-name-resolve'],
          ...['--innodb-buffer-pool-size=16M', '--innodb-flush-log-at-trx-commit=0'],
          ...['--max-connect-errors=1000000000', ...asRoot],
        ],
        port,
      ),
    load: (port) => [
      'mariadb-slap',
      [
        ...['--no-defaults', '--protocol=tcp', '--host=127.0.0.1', `--port=${port}`],
        ...['--auto-generate-sql', '--concurrency=4', '--number-of-queries=400'],
      ],
    ],
  },
  {
    name: 'iperf3',
    needs: { iperf3: 'iperf3' },
    backends: 1,
    start: (_, port) => startServer('iperf3', ['-s', '-B', '127.0.0.1', '-p', String(port)], port),
    load: (port) => [
      'iperf3',
      [
        ...['-c', '127.0.0.1', '-p', String(port), '-t', '2', '-b', '200M', '-P', '2'],
        // Both ways at once.
        '--bidir',
      ],
    ],
  },
];

const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];

/** @returns {string[]} Debian packages that are not installed */
export function missing() {
  const packages = services.flatMap(({ needs }) =>
    Object.entries(needs).flatMap(([program, name]) => (findProgram(program) ? [] : [name])),
  );
  return [...new Set(packages)];
}

/** One server of a service, which is killed and started again. */
export class Backend {
  /** @type {RunningProgram | undefined} */
  #running;
  #stopped = false;

  /** @param {Service} service @param {string} folder @param {number} port */
  constructor(service, folder, port) {
    this.service = service;
    this.folder = folder;
    this.port = port;
  }

  get name() {
    return `${this.service.name} at ${this.port}`;
  }

  async start() {
    this.#running ??= await this.service.start(this.folder, this.port);
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    if (this.#running === undefined) return;
    process.kill(this.#running.pid, signal);
    this.#stopped = signal === 'SIGSTOP';
  }

  /** Writes a line to its standard input; only our own servers take any. @param {string} line */
  tell(line) {
    this.#running?.tell(line);
  }

  async kill() {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    process.kill(running.pid, 'SIGKILL');
    await running.stop();
  }

  /** Whatever was done to it is over. */
  async heal() {
    if (this.#stopped) this.signal('SIGCONT');
    await this.start();
  }
}

/**
 * @param {string} folder for what they write
 * @returns {Promise<Backend[]>} all servers of all services, started
 */
export async function startBackends(folder) {
  const backends = [];
  for (const service of services) {
    for (let index = 0; index < service.backends; index++) {
      const own = path.join(folder, `${service.name}-${index}`);
      mkdirSync(own, { recursive: true });
      await service.prepare?.(own);
      backends.push(new Backend(service, own, await freePort()));
    }
  }
  await Promise.all(backends.map((backend) => backend.start()));
  return backends;
}
