/** Figures are live while bytes move, exact at the end, and stay after close(). */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { randomBytes } from './helpers/bytes.js';
import { until } from './helpers/deadline.js';
import { engineOf, ways } from './helpers/engines.js';
import { nextSession, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer, startSink } from './helpers/servers.js';
import { connect, readAll, readExactly } from './helpers/sockets.js';

describe.each(ways)('stats with %s', (way) => {
  it('shows a transfer while it runs: by session, listener and backend', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    const session = await started;
    const sink = await backend.socket(0);
    const block = randomBytes(200_000, 1);
    for (let round = 1; round <= 5; round++) {
      client.write(block);
      await readExactly(sink, block.length);
      const moved = round * block.length;
      await until('the figures to follow', () => session.bytesUpstream === moved);
      const { sessions, bytes, listeners, backends } = proxy.stats();
      expect(sessions).toEqual({ open: 1, opened: 1, failed: 0, rejected: 0 });
      expect(bytes).toEqual({ upstream: moved, downstream: 0 });
      expect(listeners[0]).toMatchObject({ open: 1, opened: 1, bytesUpstream: moved });
      expect(backends[0]).toMatchObject({ open: 1, opened: 1, bytesUpstream: moved });
    }
    client.end();
    sink.end();
    expect(await session.closed).toMatchObject({ bytesUpstream: 5 * block.length });
  });

  it('are all that a session shows of itself, as JSON and on the console', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    client.write('four');
    await readExactly(client, 4);
    const session = await started;
    const figures = {
      id: 1,
      client: { address: '127.0.0.1', port: client.localPort },
      listener: `127.0.0.1:${portOf(proxy)}`,
      state: 'open',
      backend: proxy.stats().backends[0]?.address,
      bytesUpstream: 4,
      bytesDownstream: 4,
    };
    expect(JSON.parse(JSON.stringify(session))).toMatchObject(figures);
    const shown = inspect(session);
    expect(shown).toMatch(/^Session \{/);
    for (const name of Object.keys(figures)) expect(shown).toContain(`${name}: `);
    expect(shown).not.toMatch(/_events|kCapture|Symbol/);
    client.end();
    await session.closed;
    expect(session.toJSON()).toMatchObject({ state: 'closed', bytesUpstream: 4 });
  });

  it('tells sessions apart', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const ids: number[] = [];
    const sizes = [0, 1, 70_000, 300_000];
    for (const size of sizes) {
      const started = nextSession(proxy);
      const client = await connect(portOf(proxy));
      const port = client.localPort;
      client.end(randomBytes(size, size));
      expect((await readAll(client)).length).toBe(size);
      const session = await started;
      ids.push(session.id);
      expect(session.client).toEqual({ address: '127.0.0.1', port });
      expect(session.listener).toBe(`127.0.0.1:${portOf(proxy)}`);
      const summary = await session.closed;
      expect(summary).toMatchObject({ bytesUpstream: size, bytesDownstream: size });
      expect(session).toMatchObject({ state: 'closed', bytesUpstream: size });
    }
    expect(ids).toEqual([1, 2, 3, 4]);
  });

  it('adds up, and keeps the last figures after close()', async () => {
    const servers = [await startEcho(), await startEcho()];
    const proxy = await startProxy(way, {
      listen: ['127.0.0.1:0', '127.0.0.1:0'],
      backends: servers.map(({ address }) => address),
    });
    for (const { port } of [...proxy.addresses(), ...proxy.addresses()]) {
      const started = nextSession(proxy);
      const client = await connect(port);
      client.end(randomBytes(1000, 1));
      await readAll(client);
      await (await started).closed;
    }
    const addresses = proxy.addresses();
    await proxy.close();
    const row = {
      open: 0,
      opened: 2,
      failed: 0,
      rejected: 0,
      bytesUpstream: 2000,
      bytesDownstream: 2000,
    };
    const none = {
      open: 0,
      opened: 0,
      failed: 0,
      rejected: 0,
      bytesUpstream: 0,
      bytesDownstream: 0,
    };
    expect(proxy.stats()).toMatchObject({
      engine: engineOf(way),
      sessions: { open: 0, opened: 4, failed: 0, rejected: 0 },
      // None, where the machine is fast enough.
      unheard: expect.any(Number),
      bytes: { upstream: 4000, downstream: 4000 },
      listeners: addresses.map(({ port }) => ({ address: `127.0.0.1:${port}`, ...row })),
      handoff: none,
      backends: servers.map(({ address }) => ({ address, weight: 1, ...row })),
    });
    expect(proxy.addresses()).toEqual(addresses);
  });

  it('counts no byte that could not be passed on', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    client.write(randomBytes(40_000_000, 2));
    const session = await started;
    let last = -1;
    let unchanged = 0;
    await until('the transfer to stall', () => {
      unchanged = session.bytesUpstream === last ? unchanged + 1 : 0;
      last = session.bytesUpstream;
      return last > 0 && unchanged > 50;
    });
    session.destroy();
    const { bytesUpstream } = await session.closed;
    expect(proxy.stats().backends).toMatchObject([{ open: 0, bytesUpstream }]);
    // What the kernel held for the sink is all that can have been passed on.
    expect(bytesUpstream).toBeLessThan(30_000_000);
  });

  it('emits open with the name of the backend, then close', async () => {
    const backend = await startServer((socket) => socket.resume().end('bye'));
    const proxy = await startProxy(way, { backends: [backend.address] });
    const events: string[] = [];
    proxy.on('session', (session) => {
      events.push(session.state);
      session.on('open', (name) => events.push(`open ${name} ${session.state}`));
      session.on('close', ({ reason }) => events.push(`close ${reason}`));
      session.on('error', ({ code }) => events.push(code));
    });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    client.end();
    await readAll(client);
    await (await started).closed;
    expect(events).toEqual(['connecting', `open ${backend.address} open`, 'close finished']);
  });
});
