/** Whoever may connect to the status address, and means no good or is broken: nobody else notices. */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { randomFrom } from '../scripts/lib/random.js';
import { openFiles } from '../src/engine/open-files.js';
import { mutate, send, tell, untilClosed } from './helpers/attackers.js';
import { closeOf, connectTo } from './helpers/control.js';
import { until } from './helpers/deadline.js';
import { exhaustDescriptors, openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { engines } from './helpers/engines.js';
import { memoryInUse } from './helpers/memory.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { echoed, openClient } from './helpers/services.js';
import { get, startStatus } from './helpers/status.js';
import { REQUEST, refused } from './helpers/status-requests.js';

const MIB = 1024 * 1024;

/** A proxy with a session that goes on all the time. */
async function startAttacked(engine: (typeof engines)[number] = 'stream') {
  const echo = await startEcho();
  const proxy = await startProxy(engine, { backends: [`${echo.address},name=a`] });
  const status = await startStatus(proxy);
  const session = await openClient(portOf(proxy));
  const to: NetConnectOpts = { host: '127.0.0.1', port: status.address.port };
  const unharmed = async () => {
    expect(await echoed(session, 'still here')).toBe('still here');
    expect((await get(status, '/readyz')).status).toBe(200);
  };
  await unharmed();
  return { proxy, status, to, unharmed };
}

describe('a request', () => {
  it.each(refused)('is refused: %s', async (_, bytes) => {
    const { to, unharmed } = await startAttacked();
    const said = await tell(to, bytes);
    expect(said).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    expect(said).not.toMatch(/\bat .*\.js/);
    await unharmed();
  });

  it('without a Host is answered where it is of HTTP/1.0, as those of probes are', async () => {
    const { to } = await startAttacked();
    expect(await tell(to, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('that is slow is let go: without a byte, and within its headers', async () => {
    const { to, unharmed } = await startAttacked();
    const silent = await connectTo(to);
    const inHead = await connectTo(to);
    inHead.write(REQUEST.slice(0, -2));
    const ends = await Promise.all([silent, inHead].map(untilClosed));
    for (const said of ends) expect(said).toMatch(/^(HTTP\/1\.1 408 |$)/);
    await unharmed();
  });

  it('that is huge is refused, and one with a body that never ends is cut', async () => {
    const { to, unharmed } = await startAttacked();
    const header = `A: ${'x'.repeat(20_000)}`;
    const large = await tell(to, REQUEST.replace('\r\n\r\n', `\r\n${header}\r\n\r\n`));
    expect(large).toMatch(/^HTTP\/1\.1 431 /);
    const socket = await connectTo(to);
    socket.write(REQUEST.replace('\r\n\r\n', `\r\nContent-Length: ${10 ** 12}\r\n\r\n`));
    const piece = Buffer.alloc(MIB, 0x20);
    socket.resume();
    const before = memoryInUse();
    const closed = closeOf(socket);
    while (!socket.destroyed) {
      await Promise.race([new Promise((resolve) => socket.write(piece, resolve)), closed]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((memoryInUse().heap - before.heap) / MIB).toBeLessThan(32);
    await unharmed();
  });
});

describe.each(engines)('ten thousand requests at random with %s', (engine) => {
  it('of which most are broken: no crash, no growth, no session that notices', async () => {
    const { proxy, to, unharmed } = await startAttacked(engine);
    const random = randomFrom('status');
    const sources = [REQUEST, ...refused.slice(0, -1).map(([, bytes]) => bytes)] as [
      string,
      ...string[],
    ];
    const round = async (count: number) => {
      let left = count;
      const worker = async () => {
        while (left-- > 0) await send(to, mutate(random.pick(sources), random));
      };
      await Promise.all(Array.from({ length: 16 }, worker));
      await unharmed();
    };
    // What is loaded and compiled is so once.
    await round(2000);
    const before = { memory: memoryInUse(), descriptors: openDescriptors() };
    await round(8000);
    await untilBackTo(before.descriptors);
    expect((memoryInUse().heap - before.memory.heap) / MIB).toBeLessThan(8);
    expect(proxy.generation).toBe(1);
  });
});

describe('clients', () => {
  it('of whom a thousand come are let go but for some, and the next is served', async () => {
    const { to, unharmed, proxy } = await startAttacked();
    const before = openDescriptors();
    const sockets = Array.from({ length: 1000 }, () => {
      const socket = connect(to);
      socket.on('error', () => {});
      return socket.resume();
    });
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    const isOver = (socket: (typeof sockets)[0]) => socket.closed || socket.readableEnded;
    await until('most are let go', () => sockets.filter(isOver).length >= 900);
    // The balancer does its work meanwhile.
    const session = await openClient(portOf(proxy));
    expect(await echoed(session, 'served')).toBe('served');
    session.destroy();
    for (const socket of sockets) socket.destroy();
    await untilBackTo(before);
    await unharmed();
  });

  it('of whom as many as may be are silent are let go for a probe, the one who came first', async () => {
    const { status, to, unharmed } = await startAttacked();
    const silent: Socket[] = [];
    for (let count = 0; count < 24; count++) silent.push((await connectTo(to)).resume());
    const [first] = silent;
    expect((await get(status, '/healthz')).status).toBe(200);
    await closeOf(first as Socket);
    for (let count = 0; count < 100; count++) {
      const late = await connectTo(to);
      onTestFinished(() => void late.destroy());
      if (count % 10 === 0) expect((await get(status, '/healthz')).status).toBe(200);
    }
    for (const socket of silent) socket.destroy();
    await unharmed();
  });

  it('who are gone before their answers leave nothing behind', async () => {
    const { to, unharmed } = await startAttacked();
    const bytes = `${REQUEST}${'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(63)}`;
    const leave = async () => {
      const socket = connect(to);
      socket.on('error', () => {});
      socket.write(bytes, () => socket.resetAndDestroy());
      await closeOf(socket);
    };
    const round = async (count: number) => {
      for (let left = count; left > 0; left -= 8) {
        await Promise.all(Array.from({ length: 8 }, leave));
      }
      await unharmed();
    };
    await round(80);
    const before = memoryInUse().heap;
    await round(800);
    expect((memoryInUse().heap - before) / MIB).toBeLessThan(8);
  });

  it('who do not read their answers keep four places, and give them back when they go', async () => {
    const { status, to, unharmed } = await startAttacked();
    const asking = '/metrics?collect[]=process';
    const sockets = await Promise.all(Array.from({ length: 16 }, () => connectTo(to)));
    for (const socket of sockets) {
      socket.pause();
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(64));
    }
    await unharmed();
    for (const socket of sockets) socket.destroy();
    const codes: number[] = [];
    const ask = async () => codes.push((await get(status, asking)).status);
    while (codes.at(-1) !== 200) await ask();
    await unharmed();
  });

  it('for whom there is no descriptor are cut off, and served when there is one again', async () => {
    const { to, unharmed } = await startAttacked();
    const socket = await connectTo(to);
    const limit = openFiles();
    expect(limit?.soft).toBeGreaterThan(0);
    const free = exhaustDescriptors();
    socket.destroy();
    await until('one is free', () => socket.closed);
    const late = connect(to);
    late.on('error', () => {});
    await closeOf(late.resume());
    // What it was known to be, for whoever asks all the same.
    expect(openFiles()).toEqual(limit);
    free();
    await unharmed();
  });
});
