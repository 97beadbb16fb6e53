/** What clients meet who come in the moment of a change. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOfListener, startProxy, type TestServices } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, answersAt, namedBackends, openClient, wholeOf } from './helpers/services.js';
import { ask, connect, readAll } from './helpers/sockets.js';
import { collectUncaught } from './helpers/uncaught.js';

/** All that a client is told, also where it is reset. */
const told = (client: Socket) => readAll(client).then(String, () => 'cut off');

describe.each(ways)('a change with %s', (way) => {
  const whole = (options: TestServices) => wholeOf(way, options);

  it('sends nobody of a service that is gone to a pool that came later', async () => {
    const [keep = '', own = '', later = ''] = await namedBackends('kol');
    const base = {
      listeners: { keep: { address: ANY_PORT } },
      pools: { default: { backends: keep } },
    };
    let letIn = (_: boolean) => {};
    let isAsked = false;
    const filter = () => {
      isAsked = true;
      return new Promise<boolean>((resolve) => {
        letIn = resolve;
      });
    };
    const proxy = await startProxy(way, {
      listeners: { ...base.listeners, gone: { address: ANY_PORT, pool: 'gone', filter } },
      pools: { ...base.pools, gone: { backends: own } },
    });
    proxy.on('warning', () => {});
    const client = await connect(portOfListener(proxy, 'gone'));
    const answer = told(client);
    await until('the filter', () => isAsked);
    await proxy.update(whole(base));
    await proxy.update(whole({ ...base, pools: { ...base.pools, later: { backends: later } } }));
    letIn(true);
    expect(['', 'cut off']).toContain(await answer);
  });

  it('is over when an address that it took away may be listened on again', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: a } };
    const proxy = await startProxy(way, {
      listeners: { keep: { address: ANY_PORT }, other: { address: ANY_PORT } },
      pools,
    });
    const other = `127.0.0.1:${portOfListener(proxy, 'other')}`;
    for (let round = 0; round < 30; round++) {
      await proxy.update(whole({ listeners: { keep: { address: ANY_PORT } }, pools }));
      await proxy.update(
        whole({ listeners: { keep: { address: ANY_PORT }, other: { address: other } }, pools }),
      );
    }
    expect(await answersAt(portOfListener(proxy, 'other'), 1)).toBe('a');
  });

  it('leaves no session of a listener that is removed, where those are to end', async () => {
    const { address } = await startEcho();
    const [a = ''] = await namedBackends('a');
    const base = {
      listeners: { keep: { address: ANY_PORT } },
      pools: { default: { backends: a } },
    };
    const proxy = await startProxy(way, {
      listeners: { ...base.listeners, gone: { address: ANY_PORT, pool: 'echo' } },
      pools: { ...base.pools, echo: { backends: address, onRemove: 'close' } },
    });
    const port = portOfListener(proxy, 'gone');
    const clients = await Promise.all(Array.from({ length: 20 }, () => openClient(port)));
    const ends = Promise.all(clients.map(told));
    for (let client = 0; client < 20; client++) void connect(port).catch(() => {});
    await proxy.update(whole(base));
    expect(new Set(await ends)).toEqual(new Set(['cut off']));
    await until('the last end', () => proxy.stats().sessions.open === 0);
  });

  it('and then the end: nothing is thrown, and the last figures are whole', async () => {
    const uncaught = collectUncaught();
    const { address } = await startEcho();
    const [a = ''] = await namedBackends('a');
    const base = {
      listeners: { keep: { address: ANY_PORT } },
      pools: { default: { backends: a } },
    };
    const proxy = await startProxy(way, {
      listeners: { ...base.listeners, gone: { address: ANY_PORT, pool: 'echo' } },
      pools: { ...base.pools, echo: { backends: `${address},name=e` } },
    });
    proxy.on('session', () => {});
    const port = portOfListener(proxy, 'gone');
    await Promise.all(Array.from({ length: 10 }, () => openClient(port)));
    for (let client = 0; client < 10; client++) void connect(port).catch(() => {});
    await proxy.update(whole(base));
    expect(proxy.stats().backends.find(({ name }) => name === 'e')).toMatchObject({
      state: 'removed',
    });
    await within('the end', proxy.close());
    expect(proxy.stats().sessions).toMatchObject({ open: 0 });
    expect(uncaught).toEqual([]);
  });
});

describe.each(ways.filter((way) => way !== 'stream'))('a listener that is held, with %s', (way) => {
  const whole = (options: TestServices) => wholeOf(way, options);

  it('takes nobody on an address that it gets meanwhile', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: a } };
    const listeners = { free: { address: ANY_PORT }, held: { address: [ANY_PORT] } };
    const proxy = await startProxy(way, { listeners, pools });
    proxy.listener('held').pause();
    const held = { address: Array.from({ length: 20 }, () => ANY_PORT) };
    await proxy.update(whole({ listeners: { ...listeners, held }, pools }));
    const ports = proxy.listener('held').addresses.map(({ port }) => port);
    const answers = ports.map((port) => ask(port, ''));
    // Whoever came later is served meanwhile.
    expect(await answersAt(portOfListener(proxy, 'free'), 20)).toBe('a'.repeat(20));
    const opened = proxy.stats().listeners.filter(({ name }) => name === 'held');
    expect(opened.map((row) => row.opened)).toEqual(ports.map(() => 0));
    proxy.listener('held').resume();
    expect((await Promise.all(answers)).join('')).toBe('a'.repeat(20));
  });

  it('serves those who wait when it is removed with its pool, where the loops accept', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const base = {
      listeners: { keep: { address: ANY_PORT } },
      pools: { default: { backends: a } },
    };
    const proxy = await startProxy(way, {
      listeners: { ...base.listeners, gone: { address: ANY_PORT, pool: 'gone' } },
      pools: { ...base.pools, gone: { backends: b } },
    });
    proxy.listener('gone').pause();
    const port = portOfListener(proxy, 'gone');
    const clients = await Promise.all(Array.from({ length: 30 }, () => connect(port)));
    const answers = Promise.all(clients.map(told));
    await proxy.update(whole(base));
    expect(new Set(await answers)).toEqual(new Set([way === 'native' ? 'b' : 'cut off']));
  });
});
