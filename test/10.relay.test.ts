/** Bytes go both ways, all of them, in order, and no faster than they are taken. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { newHash, randomBytes, sha256, writeInPieces } from './helpers/bytes.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { ipv6 } from './helpers/machine.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer, startSink } from './helpers/servers.js';
import { connect, readAll, readExactly } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';
import { itWhere } from './helpers/where.js';

const MIB = 1024 * 1024;

describe.each(ways)('relaying with %s', (way) => {
  it('takes a question to the backend and its answer back', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const client = await connect(portOf(proxy));
    client.write('hello');
    expect(String(await readExactly(client, 5))).toBe('hello');
    client.end(' and goodbye');
    expect(String(await readAll(client))).toBe(' and goodbye');
  });

  it('lets the backend speak first', async () => {
    const backend = await startServer((socket) => socket.write('220 ready'));
    const proxy = await startProxy(way, { backends: [backend.address] });
    const client = await connect(portOf(proxy));
    expect(String(await readExactly(client, 9))).toBe('220 ready');
  });

  it.each([1, 2, 3])('moves 16 MiB each way at once, in random pieces (seed %i)', async (seed) => {
    const up = randomBytes(16 * MIB + seed, seed);
    const down = randomBytes(16 * MIB - seed, seed + 100);
    const received: Promise<Buffer>[] = [];
    const backend = await startServer((socket) => {
      received.push(readAll(socket));
      void writeInPieces(socket, down, seed + 1).then(() => socket.end());
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    const answer = readAll(client);
    await writeInPieces(client, up, seed + 2);
    client.end();
    expect(sha256(await answer)).toBe(sha256(down));
    expect(sha256((await received[0]) ?? Buffer.alloc(0))).toBe(sha256(up));
    expect(await summary).toMatchObject({
      reason: 'finished',
      bytesUpstream: up.length,
      bytesDownstream: down.length,
    });
  });

  it.each(['splice', 'copy'] as const)('moves small and large messages by %s', async (transfer) => {
    const backends = [(await startEcho()).address];
    const proxy = await startProxy(way, { backends, transfer, busyPoll: '200us' });
    const client = await connect(portOf(proxy));
    for (const length of [1, 100, 20_000, 3 * MIB, 5]) {
      const data = randomBytes(length, length);
      client.write(data);
      expect((await readExactly(client, length)).equals(data)).toBe(true);
    }
  });

  it('echoes many small writes, each flushed on its own', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const client = await connect(portOf(proxy));
    client.setNoDelay(true);
    const all = randomBytes(64 * 1024, 5);
    const answer = readExactly(client, all.length);
    for (let at = 0; at < all.length; at += 16) {
      client.write(all.subarray(at, at + 16));
      if (at % 4096 === 0) await turn();
    }
    expect((await answer).equals(all)).toBe(true);
  });

  it('stops the source while the sink does not read, and loses nothing', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    const session = await started;
    const total = 256 * MIB;
    const block = randomBytes(MIB, 9);
    const before = process.memoryUsage().rss;

    // Until nothing moves any more: no 'drain', and the proxy's figure stands still.
    let written = 0;
    while (written < total && client.write(block)) written += block.length;
    written += block.length;
    let last = -1;
    let unchanged = 0;
    await until('the source to be stopped', () => {
      while (written < total && client.writableLength === 0) {
        client.write(block);
        written += block.length;
      }
      unchanged = session.bytesUpstream === last ? unchanged + 1 : 0;
      last = session.bytesUpstream;
      return unchanged > 100;
    });
    expect(written).toBeLessThan(total / 2);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MIB);

    // All of it arrives once the sink reads.
    const sink = await backend.socket(0);
    const hash = newHash();
    let received = 0;
    sink.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      received += chunk.length;
    });
    sink.resume();
    client.end();
    await until('all bytes', () => received === written);
    const expected = newHash();
    for (let at = 0; at < written; at += block.length) expected.update(block);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
    sink.end();
  });

  it('relays over unix sockets', async () => {
    const backend = await startEcho({ listen: { path: tempPath('backend.sock') } });
    const path = tempPath('listener.sock');
    const proxy = await startProxy(way, {
      listen: `unix:${path}`,
      backends: [backend.address],
    });
    const summary = nextSummary(proxy);
    const client = await connect(path);
    const data = randomBytes(3 * MIB, 7);
    const answer = readAll(client);
    await writeInPieces(client, data, 8);
    client.end();
    expect((await answer).equals(data)).toBe(true);
    expect(await summary).toMatchObject({ reason: 'finished', bytesUpstream: data.length });
    expect(proxy.addresses()).toEqual([{ address: path, port: 0, family: 'unix' }]);
  });

  itWhere(ipv6, 'relays over IPv6', async () => {
    const backend = await startEcho({ listen: { port: 0, host: '::1' } });
    const proxy = await startProxy(way, { listen: '[::1]:0', backends: [backend.address] });
    expect(proxy.addresses()).toMatchObject([{ address: '::1', family: 'IPv6' }]);
    const started = nextSession(proxy);
    const client = await connect({ port: portOf(proxy), host: '::1' });
    client.end('six');
    expect(String(await readAll(client))).toBe('six');
    expect((await started).client.address).toBe('::1');
  });
});
