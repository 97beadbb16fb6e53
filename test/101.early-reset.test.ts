/** Backends that end a session soon after it began, without a byte: they have failed their client, as those that do not answer. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { LongOptions } from '../src/config/options.js';
import type { BackendEvent } from '../src/session/events.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOfListener, startProxy } from './helpers/proxies.js';
import { startNamed, startServer } from './helpers/servers.js';
import { ANY_PORT, figuresOf } from './helpers/services.js';
import { connect, guarded, readExactly, readToEnding, reset } from './helpers/sockets.js';

/** What a server does with each client. */
type Manner = 'resets' | 'ends' | 'holds' | 'answers and resets';

async function startMoody() {
  const mood = { manner: 'resets' as Manner, ended: 0 };
  const server = await startServer((socket) => {
    const { manner } = mood;
    if (manner === 'answers and resets') socket.on('data', () => reset(socket)).write('!');
    if (manner === 'resets') reset(socket);
    if (manner === 'ends') socket.end();
    if (manner === 'holds') socket.resume().on('end', () => socket.end());
    if (manner === 'resets' || manner === 'ends') mood.ended += 1;
  });
  return Object.assign(mood, server);
}

describe.each(ways)('a backend that ends sessions early with %s', (way) => {
  /** All clients go to the moody one, as long as it is up. */
  async function start(settings: Partial<NonNullable<LongOptions['pools']>[string]> = {}) {
    const server = await startMoody();
    const other = await startNamed('a');
    const backends = [`${server.address},name=x`, `${other.address},name=a`];
    const proxy = await startProxy(way, {
      listeners: { in: { address: ANY_PORT, pool: 'db' } },
      pools: { db: { backends, policy: 'first', earlyReset: '1h', ejectAfter: 3, ...settings } },
    });
    const changes: BackendEvent[] = [];
    proxy.on('backend', (change) => changes.push(change));
    const port = portOfListener(proxy, 'in');
    const isOver = () => figuresOf(proxy, 'db', 'x').open === 0;
    /** One that waits for what comes. */
    const client = async () => {
      const socket = guarded(await connect(port));
      await readToEnding(socket);
      socket.destroy();
      await until('its end', isOver);
    };
    /** How many it has cut off since, until it was ejected. */
    const cutUntilEjected = async (manner: Manner) => {
      const before = server.ended;
      server.manner = manner;
      while (changes.length === 0) await client();
      return server.ended - before;
    };
    return { proxy, server, port, changes, client, isOver, cutUntilEjected };
  }

  it.each(['resets', 'ends'] as const)('is ejected where it %s them', async (manner) => {
    const { changes, cutUntilEjected, proxy } = await start();
    expect(await cutUntilEjected(manner)).toBeGreaterThanOrEqual(3);
    expect(changes[0]).toMatchObject({ backend: 'x', from: 'up', to: 'ejected' });
    expect(changes[0]?.reason).toMatch(/^reset ×\d+ within 3600 s; for 10 s$/);
    expect(figuresOf(proxy, 'db', 'x')).toMatchObject({ failed: 0, health: { ejections: 1 } });
  });

  it('has not failed clients that leave', async () => {
    const { server, port, changes, isOver, cutUntilEjected } = await start();
    server.manner = 'holds';
    for (const leave of [reset, (socket: Socket) => socket.end()]) {
      for (let left = 0; left < 3; left++) {
        const accepted = server.sockets.length;
        const socket = guarded(await connect(port));
        await until('its place', () => server.sockets.length > accepted);
        leave(socket);
        await until('its end', isOver);
      }
    }
    expect(changes).toEqual([]);
    expect(await cutUntilEjected('resets')).toBeGreaterThanOrEqual(3);
  });

  it('begins anew with each session that gets a byte, however that ends', async () => {
    const { server, port, changes, client, isOver, cutUntilEjected } = await start();
    await client();
    await client();
    server.manner = 'answers and resets';
    for (let answered = 0; answered < 3; answered++) {
      const socket = guarded(await connect(port));
      expect(String(await readExactly(socket, 1))).toBe('!');
      socket.write('?');
      await readToEnding(socket);
      await until('its end', isOver);
    }
    expect(changes).toEqual([]);
    expect(await cutUntilEjected('resets')).toBeGreaterThanOrEqual(3);
  });

  it('is not ejected without the setting, nor where none is', async () => {
    for (const settings of [{ earlyReset: '0' }, { ejectFor: '0' }]) {
      const { changes, client } = await start(settings);
      for (let cut = 0; cut < 5; cut++) await client();
      expect(changes).toEqual([]);
    }
  });

  it('counts with clients that could not connect', async () => {
    const server = await startMoody();
    const { proxy, changes, client } = await start({
      backends: [
        { name: 'x', address: server.address },
        { name: 'a', address: (await startNamed('a')).address },
      ],
      ejectAfter: 2,
    });
    await client();
    expect(proxy.pool('db').backend('x').health).toBe('up');
    await server.close();
    // Who is refused there is served by the other one, and closes.
    while (changes.length === 0) await client();
    expect(changes[0]?.reason).toMatch(
      /^connect failed ×\d+ \(ECONNREFUSED\), reset ×1 within 3600 s; for 10 s$/,
    );
  });
});
