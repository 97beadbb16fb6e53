/** Clients who mean harm, or behave as if: docs/THREATS.md says which of these tests shows what. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { until } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { optionsOf, ways } from './helpers/engines.js';
import { ipv6, namespacesWith, namespaceWords } from './helpers/machine.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { connect, readExactly, readToEnding } from './helpers/sockets.js';
import { itWhere } from './helpers/where.js';

/** Bytes that the two ends of one connection may hold at most, as this machine has it. */
function largestBuffers(): number {
  const sizes = ['rmem', 'wmem'].map((name) => {
    const settings = readFileSync(`/proc/sys/net/ipv4/tcp_${name}`, 'utf8');
    return Number(settings.trim().split(/\s+/).at(-1));
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Sends for as long as somebody takes it. */
function sendForEver(socket: Socket): void {
  const chunk = Buffer.alloc(64 * 1024);
  const send = () => {
    while (socket.write(chunk));
  };
  socket.on('drain', send);
  send();
}

/**
 * In a network of its own, with addresses that are not loopback's: how each client fares who comes from these, and
 * stays. Prints a list of words.
 */
const program = `
  import { once } from 'node:events';
  import net from 'node:net';
  const { createProxy } = await import('${new URL('../dist/index.js', import.meta.url)}');
  const backend = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  const { listen, host, sources, options } = JSON.parse(process.argv.at(-1));
  const proxy = await createProxy({
    listen, backends: ['127.0.0.1:' + backend.address().port], threads: 2, ...options,
  });
  const fares = (localAddress) => new Promise((resolve) => {
    const client = net.connect({ host, port: proxy.addresses()[0].port, localAddress });
    client.on('data', () => resolve('served')).on('error', (error) => resolve(error.code));
    client.write('x');
  });
  const words = [];
  for (const source of sources) words.push(await fares(source));
  process.stdout.write(JSON.stringify(words), () => process.exit());`;

const kinds = ['--net'];
const networks = namespacesWith(kinds);

const network = `
  ip link set lo up
  for address in 203.0.113.1/24 203.0.113.2/24 2001:db8:0:1::1/128 2001:db8:0:1::2/128 2001:db8:0:2::1/128; do
    ip address add $address dev lo $(case $address in *:*) echo nodad;; esac)
  done
  exec "$@"`;

async function faresFrom(task: object): Promise<string[]> {
  const node = [process.execPath, '--input-type=module', '-e', program, JSON.stringify(task)];
  const [command = '', ...words] = namespaceWords(kinds) ?? [];
  const args = [...words, 'sh', '-ec', network, 'sh', ...node];
  const { stdout } = await promisify(execFile)(command, args, { timeout: 60_000 });
  return JSON.parse(stdout) as string[];
}

describe.each(ways)('attackers with %s', (way) => {
  it('who take every session and say nothing lose them, and others are served', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      maxSessions: 5,
      handshakeTimeout: '300ms',
    });
    const silent = [];
    for (let index = 0; index < 5; index++) silent.push(await connect(portOf(proxy)));
    await until('all sessions', () => proxy.stats().sessions.opened === 5);
    const client = await connect(portOf(proxy));
    client.write('x');
    expect(String(await readExactly(client, 1))).toBe('x');
    for (const socket of silent) expect((await readToEnding(socket)).how).toBe('end');
  });

  it('who never read hold no more than the buffers of the kernel, and no longer than idle', async () => {
    const backend = await startServer(sendForEver);
    const proxy = await startProxy(way, { backends: [backend.address], idleTimeout: '2s' });
    const reasons: string[] = [];
    proxy.on('session', (session) => session.on('close', ({ reason }) => reasons.push(reason)));
    const before = openDescriptors();
    // Few: what their buffers hold is of the memory that the kernel has for TCP, and so everybody's.
    for (let index = 0; index < 3; index++) await connect(portOf(proxy));
    await until('their ends', () => reasons.length === 3);
    expect(new Set(reasons)).toEqual(new Set(['idle-timeout']));
    // What loopback's sockets grow to, on both sides of the proxy: nothing that it hoards in between.
    const sent = backend.sockets.map((socket) => socket.bytesWritten - socket.writableLength);
    expect(Math.min(...sent)).toBeGreaterThan(0);
    expect(Math.max(...sent)).toBeLessThan(2 * largestBuffers());
    // The clients themselves stay: they have not read that it is over.
    await untilBackTo({ total: before.total + 3, pipes: before.pipes });
  });

  itWhere(networks, 'from one remote address get half of the sessions, and no more', async () => {
    const task = {
      listen: '203.0.113.1:0',
      host: '203.0.113.1',
      sources: ['203.0.113.2', '203.0.113.2', '203.0.113.2', '203.0.113.1'],
      options: { maxSessions: 4, ...optionsOf(way) },
    };
    expect(await faresFrom(task)).toEqual(['served', 'served', 'ECONNRESET', 'served']);
  });

  itWhere(
    networks ?? ipv6,
    'from many addresses of one /64 get half of the sessions, and no more',
    async () => {
      const task = {
        listen: '[2001:db8:0:1::1]:0',
        host: '2001:db8:0:1::1',
        sources: ['2001:db8:0:1::1', '2001:db8:0:1::2', '2001:db8:0:1::1', '2001:db8:0:2::1'],
        options: { maxSessions: 4, ...optionsOf(way) },
      };
      expect(await faresFrom(task)).toEqual(['served', 'served', 'ECONNRESET', 'served']);
    },
  );
});
