/** Several services in one process: listeners and pools with names. */
import { describe, expect, it } from 'vitest';
import { until } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { nextSession, portOf, portOfListener, startProxy } from './helpers/proxies.js';
import { refusedAddress, startEcho, startNamed, startServer } from './helpers/servers.js';
import { ask, connect, readAll, socketPair } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

const anywhere = '127.0.0.1:0';

/** Asks a listener so often, one client after the other. */
async function answers(port: number, clients: number): Promise<string> {
  let text = '';
  for (let client = 0; client < clients; client++) text += await ask(port, '');
  return text;
}

describe.each(ways)('services with %s', (way) => {
  it('have each their own backends', async () => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(startNamed));
    const proxy = await startProxy(way, {
      listeners: {
        sql: { address: anywhere, pool: 'db' },
        web: { address: anywhere, pool: 'site' },
      },
      pools: {
        db: { backends: [`${a?.address}`, `${b?.address}`] },
        site: { backends: `${c?.address}` },
      },
    });
    expect(await answers(portOfListener(proxy, 'sql'), 4)).toBe('abab');
    expect(await answers(portOfListener(proxy, 'web'), 3)).toBe('ccc');
    await until('the last session to end', () => proxy.stats().sessions.open === 0);
    const { listeners, backends, sessions } = proxy.stats();
    expect(listeners.map(({ name, opened }) => [name, opened])).toEqual([
      ['sql', 4],
      ['web', 3],
    ]);
    expect(backends.map(({ pool, opened }) => [pool, opened])).toEqual([
      ['db', 2],
      ['db', 2],
      ['site', 3],
    ]);
    expect(sessions.opened).toBe(7);
  });

  it('share a pool, whose turns go on from listener to listener', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(startNamed));
    const proxy = await startProxy(way, {
      listeners: { one: { address: anywhere }, other: { address: anywhere } },
      pools: { default: { backends: [`${a?.address}`, `${b?.address}`] } },
    });
    const ports = ['one', 'other'].map((name) => portOfListener(proxy, name));
    let text = '';
    for (const port of [...ports, ...ports]) text += await ask(port, '');
    expect(text).toBe('abab');
  });

  it('listen on several addresses each, of which there are figures', async () => {
    const { address } = await startNamed('a');
    const path = tempPath('sql.sock');
    const proxy = await startProxy(way, {
      listeners: { sql: { address: [anywhere, `unix:${path}`, anywhere], pool: 'db' } },
      pools: { db: { backends: address } },
    });
    const [first, second, third] = proxy.addresses();
    expect(second).toEqual({ address: path, port: 0, family: 'unix' });
    expect(await answers(first?.port ?? 0, 1)).toBe('a');
    expect(await answers(third?.port ?? 0, 2)).toBe('aa');
    const client = await connect(path);
    client.end();
    expect(String(await readAll(client))).toBe('a');
    await until('the last session to end', () => proxy.stats().sessions.open === 0);
    expect(proxy.stats().listeners.map(({ name, opened }) => [name, opened])).toEqual([
      ['sql', 1],
      ['sql', 1],
      ['sql', 2],
    ]);
  });

  it('keep to the backends of their pool, whatever fails', async () => {
    const { address } = await startNamed('a');
    const proxy = await startProxy(way, {
      listeners: {
        up: { address: anywhere, pool: 'up' },
        down: { address: anywhere, pool: 'down' },
      },
      pools: { up: { backends: address }, down: { backends: await refusedAddress() } },
    });
    const failed: unknown[] = [];
    proxy.on('backendError', ({ pool }) => failed.push(pool));
    expect(await answers(portOfListener(proxy, 'down'), 2)).toBe('');
    expect(await answers(portOfListener(proxy, 'up'), 2)).toBe('aa');
    await until('the failures', () => proxy.stats().sessions.failed === 2);
    await until('news of it', () => failed.length > 0);
    expect(new Set(failed)).toEqual(new Set(['down']));
    expect(proxy.stats().listeners.map(({ name, failed: count }) => [name, count])).toEqual([
      ['up', 0],
      ['down', 2],
    ]);
  });

  it('have each their own policy, filter and time-outs', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(startNamed));
    const echo = await startEcho();
    const asked: string[] = [];
    const proxy = await startProxy(way, {
      listeners: {
        picked: { address: anywhere, pool: 'picked' },
        closed: { address: anywhere, pool: 'turns', filter: () => false },
        turns: { address: anywhere, pool: 'turns' },
        hasty: { address: anywhere, pool: 'echo', idleTimeout: '50ms' },
        patient: { address: anywhere, pool: 'echo' },
      },
      pools: {
        picked: {
          backends: [`${a?.address}`, `${b?.address},name=second`],
          policy: ({ backends, tried }) => {
            asked.push(backends.map(({ name }) => name).join());
            return tried.has(1) ? undefined : 1;
          },
        },
        turns: { backends: [`${a?.address}`, `${b?.address}`] },
        echo: { backends: echo.address },
      },
    });
    expect(await answers(portOfListener(proxy, 'picked'), 2)).toBe('bb');
    expect(asked).toEqual([`${a?.address},second`, `${a?.address},second`]);
    expect(await answers(portOfListener(proxy, 'turns'), 2)).toBe('ab');
    const denied = await connect(portOfListener(proxy, 'closed'));
    await expect(readAll(denied)).rejects.toThrow();
    const patient = await connect(portOfListener(proxy, 'patient'));
    const hasty = await connect(portOfListener(proxy, 'hasty'));
    expect(await readAll(hasty)).toHaveLength(0);
    patient.end('still here');
    expect(String(await readAll(patient))).toBe('still here');
  });

  it('tell of each session where it came from, and its pool', async () => {
    const { address } = await startNamed('a');
    const proxy = await startProxy(way, {
      listeners: { sql: { address: anywhere, pool: 'db' } },
      pools: { db: { backends: `${address},name=db-1` } },
    });
    const next = nextSession(proxy);
    expect(await answers(portOf(proxy), 1)).toBe('a');
    const session = await next;
    const { backend } = await session.closed;
    expect({ pool: session.pool, listener: session.listener, backend }).toEqual({
      pool: 'db',
      listener: `127.0.0.1:${portOf(proxy)}`,
      backend: 'db-1',
    });
  });

  it('take sockets that are handed over to the pool that is named', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(startNamed));
    const proxy = await startProxy(way, {
      pools: {
        first: { backends: `${a?.address}` },
        second: { backends: `${b?.address},name=it` },
      },
    });
    const told = async (options: object) => {
      const { near, far } = await socketPair();
      proxy.handoff(near, options);
      far.end();
      return String(await readAll(far));
    };
    expect(await told({ pool: 'second' })).toBe('b');
    expect(await told({ pool: 'second', backend: 'it' })).toBe('b');
    expect(await told({ pool: 'first', backend: a?.address })).toBe('a');
    await expect(told({})).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_UNKNOWN_POOL' });
    await expect(told({ pool: 'secnd' })).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_UNKNOWN_POOL',
      message: expect.stringContaining('did you mean "second"'),
    });
    await expect(told({ pool: 'second', backend: 'its' })).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_UNKNOWN_BACKEND',
    });
  });

  it('warn of a pool that nobody uses, once', async () => {
    const { address } = await startNamed('a');
    const proxy = await startProxy(way, {
      listeners: { web: { address: anywhere, pool: 'used' } },
      pools: { used: { backends: address }, spare: { backends: '127.0.0.1:1' } },
    });
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual([
      'no listener uses the pool spare; name it as the pool of one, or remove it',
    ]);
  });

  it('leave nothing open when one of them cannot listen', async () => {
    const taken = await startServer();
    const { address } = await startNamed('a');
    const before = openDescriptors();
    const starting = startProxy(way, {
      listeners: {
        good: { address: anywhere, pool: 'a' },
        bad: { address: taken.address, pool: 'a' },
      },
      pools: { a: { backends: address } },
    });
    await expect(starting).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_LISTEN' });
    await untilBackTo(before);
  });

  it('are many', async () => {
    const servers = await Promise.all(['a', 'b', 'c', 'd'].map(startNamed));
    const names = Array.from({ length: 200 }, (_, index) => `s${index}`);
    const proxy = await startProxy(way, {
      listeners: Object.fromEntries(names.map((name) => [name, { address: anywhere, pool: name }])),
      pools: Object.fromEntries(
        names.map((name, index) => [name, { backends: `${servers[index % 4]?.address}` }]),
      ),
    });
    const told = await Promise.all(names.map((name) => ask(portOfListener(proxy, name), '')));
    expect(told.join('')).toBe('abcd'.repeat(50));
  });
});
