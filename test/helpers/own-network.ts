/** Programs in a network of their own, where ports can be few. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { namespacesWith, namespaceWords } from './machine.js';
import { packageUrl } from './program.js';

const kinds = ['--net'];

/** What such a network takes. */
export const ownNetwork = namespacesWith(kinds);

/** Commands for `runInOwnNetwork()`: four ports for each pair of addresses. */
export const fourPorts = 'echo 50000 50003 > /proc/sys/net/ipv4/ip_local_port_range';

/**
 * The beginning of a program: a server that holds all who come, and a proxy before it.
 *
 * @param options of the proxy, as code
 */
export const holdingServer = (options: string) => `
  import { once } from 'node:events';
  import { connect, createServer } from 'node:net';
  import { createProxy } from ${JSON.stringify(packageUrl)};
  const held = [];
  const server = createServer((socket) => {
    held.push(socket.on('error', () => {}));
    server.emit('held');
  }).listen(7000, '127.0.0.1');
  const holds = async (count) => { while (held.length < count) await once(server, 'held'); };
  await once(server, 'listening');
  const proxy = await createProxy({ threads: 1, connectTimeout: 0, ${options} });
  const errors = [];
  proxy.on('backendError', ({ error }) => errors.push(String(error)));
  const clients = [];
  /** Ends everything, and prints what the test is to know. */
  const end = async (told) => {
    for (const client of clients) client.destroy();
    await proxy.close();
    server.close();
    for (const socket of held) socket.destroy();
    console.log(JSON.stringify({ ...told, errors }));
  };
`;

/**
 * @param setUp commands for the shell
 * @param program a module
 * @returns what it has printed, as JSON
 */
export async function runInOwnNetwork(setUp: string, program: string) {
  const [command = '', ...words] = namespaceWords(kinds) ?? [];
  const script = `ip link set lo up; ${setUp}; exec "$@"`;
  const node = [process.execPath, '--input-type=module', '-e', program];
  const args = [...words, 'sh', '-ec', script, 'sh', ...node];
  const { stdout } = await promisify(execFile)(command, args, { timeout: 60_000 });
  return JSON.parse(stdout);
}
