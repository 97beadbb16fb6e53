/** Limits of sessions: of the whole proxy, of a backend, of one client's address. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ClientCounter, clientLimits } from '../src/entrance/client-limit.js';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSession, portOf, startProxy } from './helpers/proxies.js';
import { refusedAddress, startBlackhole, startEcho, startServer } from './helpers/servers.js';
import {
  connect,
  readAll,
  readExactly,
  readToEnding,
  reset,
  socketPair,
} from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

describe.each(ways)('maxSessions with %s', (way) => {
  it('holds clients back who come when all sessions are open, and serves them in their turn', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      maxSessions: 2,
    });
    const paused = once(proxy, 'listenerPaused');
    const resumed = once(proxy, 'listenerResumed');
    const clients = [];
    for (let index = 0; index < 6; index++) {
      const client = await connect(portOf(proxy));
      client.write(`${index}`);
      clients.push(client);
    }
    expect(await within('the pause', paused)).toMatchObject([
      { reason: '2 sessions are open, as many as maxSessions allows' },
    ]);
    for (const [index, client] of clients.entries()) {
      expect(String(await readExactly(client, 1))).toBe(`${index}`);
      expect(proxy.stats().sessions.open).toBeLessThanOrEqual(2);
      client.end();
      await readAll(client);
    }
    await within('the listener', resumed);
    expect(proxy.stats().sessions).toMatchObject({ opened: 6, failed: 0 });
  });

  it('counts what handoff() is given, and refuses it when all sessions are open', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      maxSessions: 1,
    });
    const first = await socketPair();
    proxy.handoff(first.near);
    const second = await socketPair();
    expect(() => proxy.handoff(second.near)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPLICEWAY_RESOURCE_LIMIT',
        message:
          'the session could not be taken over: 1 session is open, as many as maxSessions allows; ' +
          'wait for some to end, or raise maxSessions',
      }),
    );
    expect(second.near.destroyed).toBe(false);
    first.far.end();
    await readAll(first.far);
    await until('room', () => proxy.stats().sessions.open === 0);
    second.far.write('x');
    await until('the handoff', () => {
      try {
        proxy.handoff(second.near);
        return true;
      } catch {
        return false;
      }
    });
    expect(String(await readExactly(second.far, 1))).toBe('x');
  });
});

/** A client whose session is open. */
async function openClient(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const client = await connect({ port, host: '127.0.0.1', localAddress });
  client.write('x');
  await readExactly(client, 1);
  return client;
}

/** How connections end that are refused: Node's connect may come after the reset. */
async function refused(port: number): Promise<string> {
  try {
    return (await readToEnding(await connect(port))).how;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

describe.each(ways)('maxSessions of a backend with %s', (way) => {
  const greeted = async (port: number) => {
    const client = await connect(port);
    return String(await readExactly(client, 1));
  };
  const startGreeter = (name: string) => startServer((socket) => socket.resume().write(name));

  it('is passed over when it is full, which is no failure, until a session ends', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const proxy = await startProxy(way, {
      backends: [`${a.address},max-sessions=1`, b.address],
    });
    const port = portOf(proxy);
    const first = await connect(port);
    expect(String(await readExactly(first, 1))).toBe('a');
    let answers = '';
    for (let index = 0; index < 4; index++) answers += await greeted(port);
    expect(answers).toBe('bbbb');
    expect(proxy.stats().backends).toMatchObject([
      { open: 1, failed: 0, rejected: 2 },
      { open: 4, failed: 0, rejected: 0 },
    ]);
    reset(first);
    await until('the end of the session', () => proxy.stats().backends[0]?.open === 0);
    expect((await greeted(port)) + (await greeted(port))).toContain('a');
    expect(proxy.stats().sessions).toMatchObject({ failed: 0, rejected: 0 });
  });

  it('disconnects clients when every backend is full, and counts them', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const backends = [a, b].map(({ address }) => ({ address, maxSessions: 1 }));
    const proxy = await startProxy(way, { backends });
    const port = portOf(proxy);
    expect((await greeted(port)) + (await greeted(port))).toBe('ab');
    const noBackend = once(proxy, 'noBackend');
    expect(await readToEnding(await connect(port))).toEqual({ data: Buffer.of(), how: 'end' });
    const [{ error }] = await within('noBackend', noBackend);
    expect(error.code).toBe('ERR_SPLICEWAY_NO_BACKEND');
    expect(proxy.stats()).toMatchObject({
      sessions: { open: 2, opened: 3, failed: 1 },
      backends: [
        { failed: 0, rejected: 1 },
        { failed: 0, rejected: 1 },
      ],
    });
  });

  it('is exact with clients who all come at once', async () => {
    const echoes = [await startEcho(), await startEcho()];
    const backends = echoes.map(({ address }) => ({ address, maxSessions: 20 }));
    const proxy = await startProxy(way, { backends, threads: 4 });
    const served = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const client = await connect(portOf(proxy));
        client.write('x');
        return readExactly(client, 1).then(
          () => true,
          () => false,
        );
      }),
    );
    expect(served.filter(Boolean)).toHaveLength(40);
    expect(proxy.stats().backends).toMatchObject([{ opened: 20 }, { opened: 20 }]);
    expect(proxy.stats().sessions).toMatchObject({ opened: 100, failed: 60 });
  });

  it('gives back the place of an attempt that failed', async () => {
    const proxy = await startProxy(way, {
      backends: [`${await refusedAddress()},max-sessions=1`, await refusedAddress()],
    });
    for (let index = 0; index < 3; index++) {
      expect((await readToEnding(await connect(portOf(proxy)))).how).toBe('end');
    }
    expect(proxy.stats().backends).toMatchObject([
      { failed: 3, rejected: 0 },
      { failed: 3, rejected: 0 },
    ]);
  });

  it('gives back the place of a client that left before the backend answered', async () => {
    const proxy = await startProxy(way, {
      backends: [`${await startBlackhole()},max-sessions=1`],
      connectTimeout: '30s',
    });
    for (let index = 1; index <= 3; index++) {
      const client = await connect(portOf(proxy));
      await until('the session', () => proxy.stats().sessions.opened === index);
      reset(client);
      await until('its end', () => proxy.stats().sessions.open === 0);
    }
    expect(proxy.stats().backends).toMatchObject([{ failed: 0, rejected: 0 }]);
    expect(proxy.stats().sessions.failed).toBe(0);
  });

  it('has a policy of the user asked again', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const proxy = await startProxy(way, {
      backends: [`${a.address},max-sessions=1`, b.address],
      policy: ({ tried }) => [0, 1].find((index) => !tried.has(index)),
    });
    expect(await greeted(portOf(proxy))).toBe('a');
    expect(await greeted(portOf(proxy))).toBe('b');
    expect(proxy.stats().backends).toMatchObject([{ rejected: 1 }, { rejected: 0 }]);
  });

  it('holds for handoff() as well', async () => {
    const a = await startGreeter('a');
    const proxy = await startProxy(way, {
      backends: [`${a.address},max-sessions=1`, (await startGreeter('b')).address],
    });
    expect(await greeted(portOf(proxy))).toBe('a');
    const { near, far } = await socketPair();
    const session = proxy.handoff(near, { backend: a.address });
    expect((await within('the end', session.closed)).reason).toBe('no-backend');
    expect((await readToEnding(far)).how).toBe('end');
  });
});

describe.each(ways)('maxSessionsPerClient with %s', (way) => {
  it('refuses one more from an address, and nobody else, until one of its sessions ends', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      maxSessionsPerClient: 2,
    });
    const port = portOf(proxy);
    const started = nextSession(proxy);
    const clients = [await openClient(port), await openClient(port)];
    expect(await refused(port)).toBe('ECONNRESET');
    await openClient(port, '127.0.0.2');
    clients[0]?.end();
    await (await started).closed;
    await openClient(port);
    expect(await refused(port)).toBe('ECONNRESET');
    expect(proxy.stats().sessions).toEqual({ open: 3, opened: 4, failed: 0, rejected: 2 });
    expect(proxy.stats().listeners).toMatchObject([{ rejected: 2 }]);
  });

  it('counts an address over all listeners', async () => {
    const proxy = await startProxy(way, {
      listen: ['127.0.0.1:0', '127.0.0.1:0'],
      backends: [(await startEcho()).address],
      maxSessionsPerClient: 1,
    });
    const [first = 0, second = 0] = proxy.addresses().map(({ port }) => port);
    await openClient(first);
    expect(await refused(second)).toBe('ECONNRESET');
    expect(proxy.stats().listeners).toMatchObject([{ rejected: 0 }, { rejected: 1 }]);
  });

  it('survives a flood from one address: one line says so, and others are served', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      maxSessionsPerClient: 1,
    });
    const port = portOf(proxy);
    const warned = once(proxy, 'warning');
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    await openClient(port);
    const started = performance.now();
    const endings = await Promise.all(Array.from({ length: 300 }, () => refused(port)));
    const took = performance.now() - started;
    expect(new Set(endings)).toEqual(new Set(['ECONNRESET']));
    await openClient(port, '127.0.0.2');
    const [message] = await within('the warning', warned);
    expect(message).toMatch(
      /^\d+ clients were refused, one from 127\.0\.0\.1: .* as maxSessionsPerClient allows \(1\); raise it/,
    );
    expect(proxy.stats().sessions).toMatchObject({ open: 2, rejected: 300 });
    // A line a second.
    expect(warnings.length).toBeLessThanOrEqual(2 + took / 1000);
  });

  it('has no limit for loopback and unix sockets where none was given', async () => {
    const path = tempPath('clients.sock');
    const proxy = await startProxy(way, {
      listen: ['127.0.0.1:0', `unix:${path}`],
      backends: [(await startEcho()).address],
      maxSessions: 4,
    });
    for (const where of [portOf(proxy), path, portOf(proxy), path]) {
      const client = await connect(where);
      client.write('x');
      expect(String(await readExactly(client, 1))).toBe('x');
    }
  });

  it('has none for unix sockets in any case', async () => {
    const path = tempPath('clients.sock');
    await startProxy(way, {
      listen: `unix:${path}`,
      backends: [(await startEcho()).address],
      maxSessionsPerClient: 1,
    });
    for (let index = 0; index < 3; index++) {
      const client = await connect(path);
      client.write('x');
      expect(String(await readExactly(client, 1))).toBe('x');
    }
  });
});

describe('what one client may have', () => {
  const limits = { remote: 1, loopback: 0 };

  it('is what was asked for, also on loopback, or half of all for those that are remote', () => {
    expect(clientLimits({ maxSessionsPerClient: 5 }, 1000)).toEqual({ remote: 5, loopback: 5 });
    expect(clientLimits({}, 1000)).toEqual({ remote: 500, loopback: 0 });
    expect(clientLimits({}, 1)).toEqual({ remote: 1, loopback: 0 });
    expect(clientLimits({}, Number.POSITIVE_INFINITY)).toEqual({ remote: 0, loopback: 0 });
  });

  it('is counted by the /64 of an IPv6 address', () => {
    const counter = new ClientCounter();
    const leave = counter.enter('2001:db8:1:2::1', limits);
    for (const neighbour of ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff::', '2001:db8:1:2::9:9']) {
      expect(counter.enter(neighbour, limits)).toBeUndefined();
    }
    for (const stranger of ['2001:db8:1:3::1', '2001:db8::1', '::2', '64:ff9b::1', '1::2:3:4:5']) {
      expect(counter.enter(stranger, limits)).toBeTypeOf('function');
    }
    expect(counter.enter('2001:db8:0:0:5::', limits)).toBeUndefined();
    leave?.();
    expect(counter.enter('2001:db8:1:2::8', limits)).toBeTypeOf('function');
  });

  it('is counted for each service, and over all', () => {
    const counter = new ClientCounter();
    const client = '203.0.113.7';
    const leave = counter.enter(client, limits, 1);
    expect(counter.enter(client, limits, 1)).toBeUndefined();
    expect(counter.enter(client, limits, 2)).toBeTypeOf('function');
    expect(counter.enter(client, limits)).toBeTypeOf('function');
    leave?.();
    expect(counter.enter(client, limits, 1)).toBeTypeOf('function');
  });

  it('is counted apart for loopback', () => {
    const counter = new ClientCounter();
    for (const address of ['127.0.0.1', '127.0.0.1', '::1', '::1', '', '']) {
      expect(counter.enter(address, limits)).toBeTypeOf('function');
    }
    expect(counter.enter('203.0.113.7', limits)).toBeTypeOf('function');
    expect(counter.enter('203.0.113.7', limits)).toBeUndefined();
  });
});

// The stream engine has no figure of its own.
describe.each(ways.filter((way) => way !== 'stream'))(
  'more than the machine allows with %s',
  (way) => {
    it('is what the descriptors allow, with a warning', async () => {
      const proxy = await startProxy(way, {
        backends: [(await startEcho()).address],
        maxSessions: 1_048_576,
      });
      const [message] = await within('the warning', once(proxy, 'warning'));
      expect(message).toMatch(
        /^maxSessions is 1048576, but the file descriptors allow \d+ sessions; raise the limit/,
      );
    });
  },
);
