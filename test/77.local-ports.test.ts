/** Local ports run out: a network of its own has four of them for each address that one may connect to. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { namespacesWith, namespaceWords } from './helpers/machine.js';
import { packageUrl } from './helpers/program.js';
import { itWhere } from './helpers/where.js';

const kinds = ['--net'];

/** Six clients of one backend, which holds the first four until the others have been warned of. Prints what was told. */
const program = `
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
    engine: 'native', listen: ':5555', backends: ['127.0.0.1:7000'], threads: 1, connectTimeout: 0,
  });
  const errors = [];
  proxy.on('backendError', ({ error }) => errors.push(String(error)));
  const warned = once(proxy, 'warning');
  const clients = [1, 2, 3, 4, 5, 6].map((host) => connect(5555, '127.0.0.' + host).on('error', () => {}));
  await holds(4);
  const [warning] = await warned;
  // Of a connection that is reset, no port stays in TIME-WAIT.
  for (const socket of held.slice(0, 4)) socket.resetAndDestroy();
  await holds(6);
  const [{ failed }] = proxy.stats().backends;
  for (const client of clients) client.destroy();
  await proxy.close();
  server.close();
  for (const socket of held) socket.destroy();
  console.log(JSON.stringify({ warning, failed, errors }));
`;

describe('without a local port', () => {
  itWhere(
    namespacesWith(kinds),
    'a client waits, no backend is blamed, and a warning says what to do',
    async () => {
      const [command = '', ...words] = namespaceWords(kinds) ?? [];
      const script =
        'ip link set lo up; echo 50000 50003 > /proc/sys/net/ipv4/ip_local_port_range; exec "$@"';
      const node = [process.execPath, '--input-type=module', '-e', program];
      const args = [...words, 'sh', '-ec', script, 'sh', ...node];
      const { stdout } = await promisify(execFile)(command, args, { timeout: 60_000 });
      const told = JSON.parse(stdout);
      expect(told).toMatchObject({ failed: 0, errors: [] });
      expect(told.warning).toMatch(
        /^no local port was left for \d+ connections? to backend 127.0.0.1:7000 at 127.0.0.1:7000;/,
      );
      expect(told.warning).toContain('net.ipv4.ip_local_port_range');
    },
  );
});
