/** Many clients at once, and clients that leave at a bad moment. */
import { connect as netConnect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { randomBytes } from './helpers/bytes.js';
import { until } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { refusedAddress, startBlackhole, startEcho } from './helpers/servers.js';
import { connect, readAll, readToEnding, reset } from './helpers/sockets.js';

describe.each(ways)('crowds with %s', (way) => {
  it('disconnects 1,000 clients at once while all backends are down, and goes on', async () => {
    const backends = [await refusedAddress(), await refusedAddress(), await refusedAddress()];
    // Each meets all of them: none is left out for having failed the others.
    const proxy = await startProxy(way, { backends, ejectFor: '0' });
    const before = openDescriptors();
    const clients = Array.from({ length: 1000 }, () => connect(portOf(proxy)));
    const endings = await Promise.all(clients.map(async (client) => readToEnding(await client)));
    expect(endings.every(({ data }) => data.length === 0)).toBe(true);
    await until('all sessions to end', () => proxy.stats().sessions.open === 0);
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 1000, failed: 1000, rejected: 0 });
    expect(proxy.stats().backends.map(({ failed }) => failed)).toEqual([1000, 1000, 1000]);
    for (const client of clients) (await client).destroy();
    await untilBackTo(before);
    // One of them comes up.
    const [host, port] = backends[1]?.split(':') ?? [];
    await startEcho({ listen: { port: Number(port), host } });
    const client = await connect(portOf(proxy));
    client.end('still here');
    expect(String(await readAll(client))).toBe('still here');
    expect(proxy.stats().backends.map(({ opened }) => opened)).toEqual([0, 1, 0]);
  });

  it('serves 300 clients at once, each its own bytes', async () => {
    const servers = [await startEcho(), await startEcho(), await startEcho()];
    const backends = servers.map(({ address }) => address);
    // None is passed over because the machine is slow.
    const proxy = await startProxy(way, { backends, connectTimeout: '1m' });
    const before = openDescriptors();
    const serve = async (seed: number) => {
      const client = await connect(portOf(proxy));
      const data = randomBytes(100_000 + seed, seed);
      const answer = readAll(client);
      client.end(data);
      const intact = (await answer).equals(data);
      client.destroy();
      return intact;
    };
    const intact = await Promise.all(Array.from({ length: 300 }, (_, seed) => serve(seed)));
    expect(intact.every(Boolean)).toBe(true);
    expect(proxy.stats().backends.map(({ opened }) => opened)).toEqual([100, 100, 100]);
    await untilBackTo(before);
  });

  it('tells of each of 1,000 sessions, from its beginning to its end', async () => {
    const backends = [await refusedAddress(), (await startEcho()).address];
    const proxy = await startProxy(way, { backends });
    const log = new Map<number, string>();
    proxy.on('session', (session) => {
      const note = (what: string) => log.set(session.id, `${log.get(session.id) ?? ''} ${what}`);
      session.on('open', (backend) => note(backend));
      session.on('close', ({ reason, bytesUpstream, bytesDownstream }) =>
        note(`${reason} ${bytesUpstream} ${bytesDownstream}`),
      );
    });
    const serve = async (seed: number) => {
      const client = await connect(portOf(proxy));
      const answer = readAll(client);
      client.end(randomBytes(seed % 50, seed));
      return (await answer).length;
    };
    for (let round = 0; round < 10; round++) {
      const sizes = await Promise.all(Array.from({ length: 100 }, (_, seed) => serve(seed)));
      expect(sizes).toEqual(sizes.map((_, seed) => seed % 50));
    }
    await until('all ends', () => log.size === 1000 && proxy.stats().sessions.open === 0);
    const endings = () => [...log.values()].sort();
    const expected = Array.from({ length: 1000 }, (_, index) => {
      const bytes = index % 50;
      return ` ${backends[1]} finished ${bytes} ${bytes}`;
    }).sort();
    await until('all reports', () => endings().every((ending) => ending.includes('finished')));
    expect(endings()).toEqual(expected);
  });

  it('gives up connecting for a client that resets meanwhile', async () => {
    const proxy = await startProxy(way, { backends: [await startBlackhole()] });
    const before = openDescriptors();
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    client.write('waiting');
    reset(client);
    expect(await summary).toMatchObject({ reason: 'reset', backend: undefined });
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 1, failed: 0, rejected: 0 });
    await untilBackTo(before);
  });

  it('keeps the question of a client that ended while its backend was being connected', async () => {
    const silent = await startBlackhole();
    const echo = await startEcho();
    const proxy = await startProxy(way, {
      backends: [silent, echo.address],
      connectTimeout: '2s',
    });
    const client = await connect(portOf(proxy));
    client.end('asked and ended');
    expect(String(await readAll(client))).toBe('asked and ended');
  });

  it('survives clients that reset right after they connect', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const before = openDescriptors();
    const gone = Array.from(
      { length: 200 },
      () =>
        new Promise<void>((resolve) => {
          const client = netConnect({ port: portOf(proxy), host: '127.0.0.1' });
          client.on('error', () => {});
          client.once('connect', () => reset(client));
          client.once('close', () => resolve());
        }),
    );
    await Promise.all(gone);
    await until('all sessions to end', () => {
      const { open, opened } = proxy.stats().sessions;
      return open === 0 && opened === gone.length;
    });
    await untilBackTo(before);
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    client.end('fine');
    expect(String(await readAll(client))).toBe('fine');
    expect((await (await started).closed).reason).toBe('finished');
  });
});
