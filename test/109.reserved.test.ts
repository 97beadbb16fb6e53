/** Addresses where operators ask: no client comes there, and no change of a configuration is held up by it. */
import { describe, expect, it } from 'vitest';
import { freePort } from '../scripts/lib/port.js';
import { SplicewayError } from '../src/errors/catalogue.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startServer } from './helpers/servers.js';
import { ANY_PORT } from './helpers/services.js';
import { connect, readAll } from './helpers/sockets.js';
import { get, startStatus } from './helpers/status.js';

/** A name that leads where a test says. */
const answering = (...addresses: string[]) => {
  const state = { addresses, lookups: 0 };
  const lookup = async () => {
    state.lookups += 1;
    return state.addresses.map((address) => ({ address, family: 4 }));
  };
  return { state, lookup };
};

/** Says `s` at 127.0.0.2, on a port that 127.0.0.1 has free, and that no connection of another test gets meanwhile. */
async function startElsewhere() {
  const port = await freePort();
  const server = await startServer((socket) => socket.resume().end('s'), {
    listen: { host: '127.0.0.2', port },
  });
  return { port: server.port, status: { address: `127.0.0.1:${server.port}` } };
}

describe.each(ways)('a status address with %s', (way) => {
  it('is left out of a backend that has another address, until it is closed', async () => {
    const { port, status: options } = await startElsewhere();
    const { lookup } = answering('127.0.0.1', '127.0.0.2');
    const proxy = await startProxy(way, { backends: [`some.test:${port},name=a`] }, { lookup });
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    const tried: unknown[] = [];
    proxy.on('backendError', ({ error }) => tried.push(error.address));
    const ask = async () => {
      const client = await connect(portOf(proxy));
      client.end();
      return String(await readAll(client));
    };
    const status = await startStatus(proxy, options);
    for (let count = 0; count < 3; count++) expect(await ask()).toBe('s');
    expect((await get(status, '/healthz')).status).toBe(200);
    expect(warnings).toEqual([expect.stringContaining(`this proxy itself, 127.0.0.1:${port}`)]);
    expect(tried).toEqual([]);
    await status.close();
    // It is tried again, and nobody is there any more.
    while (tried.length === 0) expect(await ask()).toBe('s');
    expect(tried[0]).toBe(`127.0.0.1:${port}`);
  });

  it('lets a backend be added that has another address as well, and none that has not', async () => {
    const { port, status: options } = await startElsewhere();
    const { lookup, state } = answering('127.0.0.1', '127.0.0.2');
    const proxy = await startProxy(way, { backends: ['127.0.0.1:9,name=a'] }, { lookup });
    const status = await startStatus(proxy, options);
    await proxy.pool().add(`some.test:${port},name=b`);
    state.addresses = ['127.0.0.1'];
    const refused = await proxy
      .pool()
      .add(`same.test:${port},name=c`)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SplicewayError);
    expect(refused).toMatchObject({ code: 'ERR_SPLICEWAY_INVALID_OPTION', backend: 'c' });
    await status.close();
    await proxy.pool().add(`same.test:${port},name=c`);
  });

  it('that a name leads to later holds up no change of listeners, nor a new status address', async () => {
    const { port, status: place } = await startElsewhere();
    const { lookup, state } = answering('127.0.0.2');
    const first = { address: ANY_PORT, pool: 'db' };
    const pools = { db: { backends: [`some.test:${port}`] } };
    const options = { listeners: { first }, pools, resolveEvery: 5 };
    const proxy = await startProxy(way, options, { lookup, now: clock() });
    await startStatus(proxy, place);
    state.addresses = ['127.0.0.1'];
    const { lookups } = state;
    await until('two lookups', () => state.lookups > lookups + 1);
    const before = proxy.generation;
    const listeners = { first, second: { address: ANY_PORT, pool: 'db' } };
    await proxy.update((present) => ({ ...present, listeners }) as typeof present);
    expect(proxy.generation).toBe(before + 1);
    expect(proxy.addresses()).toHaveLength(2);
    await startStatus(proxy);
  });
});

/** On which the time between two lookups is always over. */
function clock(): () => number {
  let time = 0;
  return () => {
    time += 20_000;
    return time;
  };
}
