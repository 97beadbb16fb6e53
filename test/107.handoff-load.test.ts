/** A socket that is handed over goes where the fewest sessions are, whoever picked for those. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { startServer } from './helpers/servers.js';
import { connect, socketPair } from './helpers/sockets.js';

const CLIENTS = 10;

const openAt = (proxy: RunningProxy, name: string) =>
  proxy.stats().backends.find((backend) => backend.name === name)?.open ?? 0;

describe.each(ways)('least-connections of a handoff with %s', (way) => {
  /** A backend with ten sessions, and one with none. */
  async function start() {
    const [a, b] = [await startServer(), await startServer()];
    const policy = 'least-connections';
    const proxy = await startProxy(way, { backends: [{ name: 'a', address: a.address }], policy });
    for (let client = 0; client < CLIENTS; client++) await connect(portOf(proxy));
    await until('all at a', () => openAt(proxy, 'a') === CLIENTS);
    await proxy.pool().add({ name: 'b', address: b.address });
    return proxy;
  }

  /** Sockets as many, to be handed over at once. */
  const sockets = (count: number): Promise<Socket[]> =>
    Promise.all(Array.from({ length: count }, async () => (await socketPair()).near));

  it('goes by the sessions of the listeners as well', async () => {
    const proxy = await start();
    const backends: string[] = [];
    for (const socket of await sockets(CLIENTS - 1)) {
      const [backend] = await within('open', once(proxy.handoff(socket), 'open'));
      backends.push(String(backend));
    }
    expect(backends).toEqual(Array(CLIENTS - 1).fill('b'));
  });

  it('goes by those of the same moment as well', async () => {
    const proxy = await start();
    for (const socket of await sockets(CLIENTS + 6)) proxy.handoff(socket);
    await until('all', () => openAt(proxy, 'a') + openAt(proxy, 'b') === 2 * CLIENTS + 6);
    expect([openAt(proxy, 'a'), openAt(proxy, 'b')]).toEqual([CLIENTS + 3, CLIENTS + 3]);
  });
});
