/** Local ports run out: a network of its own has four of them for each address that one may connect to. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { optionsOf, type Way, ways } from './helpers/engines.js';
import { namespacesWith, namespaceWords } from './helpers/machine.js';
import { packageUrl } from './helpers/program.js';
import { itWhere } from './helpers/where.js';

const kinds = ['--net'];

const start = (way: Way, backends: readonly string[]) => `
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
  const proxy = await createProxy({
    ...${JSON.stringify(optionsOf(way))},
    listen: ':5555', backends: ${JSON.stringify(backends)}, threads: 1, connectTimeout: 0,
  });
  const errors = [];
  proxy.on('backendError', ({ error }) => errors.push(String(error)));
  const clientFrom = (host) => connect(5555, '127.0.0.' + host).on('error', () => {});
  const end = async (told) => {
    await proxy.close();
    server.close();
    for (const socket of held) socket.destroy();
    console.log(JSON.stringify({ ...told, errors }));
  };
`;

/** Six clients of one backend, which holds the first four until the others have been warned of. Prints what was told. */
const sixClients = (way: Way) => `
  ${start(way, ['127.0.0.1:7000'])}
  const warned = once(proxy, 'warning');
  let gone = 0;
  const clients = [1, 2, 3, 4, 5, 6].map((host) => clientFrom(host).on('close', () => {
    gone += 1;
    server.emit('gone');
  }));
  await holds(4);
  const [warning] = await warned;
  // Only the loops have clients wait for a port.
  if (${way !== 'native'}) while (gone < 2) await once(server, 'gone');
  // Of a connection that is reset, no port stays in TIME-WAIT.
  for (const socket of held.slice(0, 4)) socket.resetAndDestroy();
  if (${way === 'native'}) await holds(6);
  const [{ failed, noPort, health }] = proxy.stats().backends;
  for (const client of clients) client.destroy();
  await end({ warning, failed, hasNoPort: noPort > 0, health: health.status });
`;

/** A client of two backends, the first one at an address that this machine has no way to. */
const twoBackends = (way: Way) => `
  ${start(way, ['[::1]:7000', '127.0.0.1:7000'])}
  const client = clientFrom(1);
  await holds(1);
  const [{ failed, noPort }] = proxy.stats().backends;
  client.destroy();
  await end({ failed, noPort });
`;

/** @param setUp commands for the shell */
async function run(setUp: string, program: string) {
  const [command = '', ...words] = namespaceWords(kinds) ?? [];
  const script = `ip link set lo up; ${setUp}; exec "$@"`;
  const node = [process.execPath, '--input-type=module', '-e', program];
  const args = [...words, 'sh', '-ec', script, 'sh', ...node];
  const { stdout } = await promisify(execFile)(command, args, { timeout: 60_000 });
  return JSON.parse(stdout);
}

describe.each(ways)('without a local port, with %s,', (way) => {
  itWhere(
    namespacesWith(kinds),
    'no backend is blamed, and a warning says what to do',
    async () => {
      const few = 'echo 50000 50003 > /proc/sys/net/ipv4/ip_local_port_range';
      const told = await run(few, sixClients(way));
      expect(told).toMatchObject({ failed: 0, errors: [], hasNoPort: true, health: 'up' });
      expect(told.warning).toMatch(
        /^no local port was left for \d+ connections? to backend 127.0.0.1:7000 at 127.0.0.1:7000;/,
      );
      expect(told.warning).toContain('net.ipv4.ip_local_port_range');
    },
  );

  itWhere(
    namespacesWith(kinds),
    'a backend fails where this machine has no address to connect from',
    async () => {
      const without = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6';
      const told = await run(without, twoBackends(way));
      expect(told).toMatchObject({ failed: 1, noPort: 0 });
      expect(told.errors[0]).toContain('EADDRNOTAVAIL');
    },
  );
});
