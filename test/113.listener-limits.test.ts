/** `maxSessions` and `maxSessionsPerClient` of a listener: of its own addresses, beside what the process may have. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { check } from '../src/cli/check.js';
import { optionsOf as optionsOfConfig } from '../src/config/options-of.js';
import { parseOptions } from '../src/config/schema.js';
import { differencesOf } from '../src/control/differences.js';
import type { PauseEvent, ResumeEvent } from '../src/session/events.js';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import {
  portOfListener,
  type RunningProxy,
  startProxy,
  type TestServices,
} from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient, wholeOf } from './helpers/services.js';
import { ask, connect, readAll, readToEnding } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

type Listeners = NonNullable<TestServices['listeners']>;

async function poolsOf(): Promise<TestServices['pools']> {
  return { default: { backends: [(await startEcho()).address] } };
}

/** A client that has connected, and whose answer comes when it is served. */
async function waitingClient(port: number, text: string) {
  const client = await connect(port);
  const answer = echoed(client, text);
  // Where the test fails before it is awaited, that is told.
  answer.catch(() => {});
  return { client, answer };
}

const openOf = (proxy: RunningProxy, name: string) =>
  proxy
    .stats()
    .listeners.filter((row) => row.name === name)
    .reduce((sum, { open }) => sum + open, 0);

describe.each(ways)('maxSessions of a listener with %s', (way) => {
  it('holds its clients back, serves them in their turn, and leaves the others alone', async () => {
    const pools = await poolsOf();
    const listeners = { few: { address: ANY_PORT, maxSessions: 2 }, any: { address: ANY_PORT } };
    const proxy = await startProxy(way, { listeners, pools });
    const port = portOfListener(proxy, 'few');
    const paused = once(proxy, 'listenerPaused');
    const resumed = once(proxy, 'listenerResumed');
    const held = [await openClient(port), await openClient(port)];
    const late = [await waitingClient(port, 'x'), await waitingClient(port, 'y')];
    const [pause] = (await within('the pause', paused)) as [PauseEvent];
    expect(pause).toEqual({
      listener: `127.0.0.1:${port}`,
      listenerName: 'few',
      reason: '2 sessions are open at listener few, as many as its maxSessions allows',
      openSessions: 2,
    });
    const others = await Promise.all(
      Array.from({ length: 5 }, () => openClient(portOfListener(proxy, 'any'))),
    );
    expect(openOf(proxy, 'few')).toBe(2);
    expect(openOf(proxy, 'any')).toBe(5);
    for (const [index, { client, answer }] of late.entries()) {
      held[index]?.end();
      expect(await within('its turn', answer)).toBe('xy'[index]);
      // A place is free a moment before the session that had it is counted out.
      await until('at most two', () => openOf(proxy, 'few') <= 2);
      client.end();
      await readAll(client);
    }
    const [resume] = (await within('the listener', resumed)) as [ResumeEvent];
    expect(resume).toMatchObject({ listener: `127.0.0.1:${port}`, listenerName: 'few' });
    expect(proxy.stats().sessions).toMatchObject({ failed: 0, rejected: 0 });
    for (const other of others) expect(await echoed(other, 'on')).toBe('on');
    expect(proxy.stats().listeners).toMatchObject([
      { name: 'few', maxSessions: 2 },
      { name: 'any', maxSessions: undefined },
    ]);
  });

  it('counts over all its addresses', async () => {
    const pools = await poolsOf();
    const listeners = { two: { address: [ANY_PORT, ANY_PORT], maxSessions: 1 } };
    const proxy = await startProxy(way, { listeners, pools });
    const [first = 0, second = 0] = proxy.listener('two').addresses.map(({ port }) => port);
    const client = await openClient(first);
    const paused = once(proxy, 'listenerPaused');
    const late = await waitingClient(second, 'late');
    await within('the pause', paused);
    expect(openOf(proxy, 'two')).toBe(1);
    client.end();
    expect(await within('its turn', late.answer)).toBe('late');
  });

  it('changes while it runs: a lower one ends nobody, a higher one lets in who waits', async () => {
    const pools = await poolsOf();
    const proxy = await startProxy(way, { listeners: { web: { address: ANY_PORT } }, pools });
    const port = portOfListener(proxy, 'web');
    const limit = (maxSessions: number | undefined) => {
      const web = { address: ANY_PORT, maxSessions };
      return proxy.update(wholeOf(way, { listeners: { web }, pools }));
    };
    // Those that are there count, though nothing limited them when they came.
    const there = [await openClient(port), await openClient(port), await openClient(port)];
    expect((await limit(2)).changed).toEqual(['listener web']);
    for (const client of there) expect(await echoed(client, 'still')).toBe('still');
    const paused = once(proxy, 'listenerPaused');
    const late = [await waitingClient(port, 'a'), await waitingClient(port, 'b')];
    await within('the pause', paused);
    there.pop()?.end();
    await until('the end of one', () => openOf(proxy, 'web') === 2);
    expect(await echoed(there[0] as never, 'still')).toBe('still');
    expect(openOf(proxy, 'web')).toBe(2);
    await limit(3);
    expect(await within('its turn', Promise.race(late.map(({ answer }) => answer)))).toMatch(/a|b/);
    expect(openOf(proxy, 'web')).toBe(3);
    await limit(undefined);
    expect(await within('all', Promise.all(late.map(({ answer }) => answer)))).toEqual(['a', 'b']);
    await Promise.all(Array.from({ length: 6 }, () => openClient(port)));
    expect(proxy.stats().listeners[0]?.maxSessions).toBeUndefined();
    // It counts anew what is there.
    await limit(10);
    const again = once(proxy, 'listenerPaused');
    const last = await waitingClient(port, 'c');
    await within('the pause', again);
    there.pop()?.end();
    expect(await within('its turn', last.answer)).toBe('c');
  });

  it('goes with the address where another listener takes it over', async () => {
    const pools = await poolsOf();
    const proxy = await startProxy(way, {
      listeners: { old: { address: ANY_PORT, maxSessions: 1 } },
      pools,
    });
    const port = portOfListener(proxy, 'old');
    const first = await openClient(port);
    const paused = once(proxy, 'listenerPaused');
    const late = await waitingClient(port, 'late');
    await within('the pause', paused);
    const address = ANY_PORT;
    const to = (listeners: Listeners) => proxy.update(wholeOf(way, { listeners, pools }));
    await to({ wide: { address } });
    expect(await within('its turn', late.answer)).toBe('late');
    await to({ narrow: { address, maxSessions: 2 } });
    const again = once(proxy, 'listenerPaused');
    const last = await waitingClient(port, 'last');
    expect(await within('the pause', again)).toMatchObject([{ listenerName: 'narrow' }]);
    first.end();
    expect(await within('its turn', last.answer)).toBe('last');
  });

  it('gives a place back for a client that leaves before a backend is found', async () => {
    const proxy = await startProxy(way, {
      listeners: { web: { address: ANY_PORT, maxSessions: 1 } },
      pools: { default: { backends: ['127.0.0.1:1'] } },
    });
    proxy.on('warning', () => {});
    const port = portOfListener(proxy, 'web');
    for (let client = 0; client < 5; client++) {
      await readToEnding(await connect(port));
    }
    await until('all have left', () => openOf(proxy, 'web') === 0);
    expect(proxy.stats().listeners[0]).toMatchObject({ opened: 5, failed: 5 });
  });

  it('holds with the limit of the process, whichever is reached first', async () => {
    const pools = await poolsOf();
    const listeners = { web: { address: ANY_PORT, maxSessions: 2 }, any: { address: ANY_PORT } };
    const proxy = await startProxy(way, { listeners, pools, maxSessions: 3 });
    const two = await Promise.all([0, 1].map(() => openClient(portOfListener(proxy, 'any'))));
    const first = await openClient(portOfListener(proxy, 'web'));
    const reasons: string[] = [];
    proxy.on('listenerPaused', ({ reason }) => reasons.push(reason));
    const late = await waitingClient(portOfListener(proxy, 'web'), 'late');
    await until('the pause', () => reasons.length > 0);
    expect(reasons[0]).toBe('3 sessions are open, as many as maxSessions allows');
    for (const client of two) client.end();
    expect(await within('its turn', late.answer)).toBe('late');
    await until('room', () => proxy.stats().sessions.open === 2);
    // There is room in the process, and none at the listener.
    const last = await waitingClient(portOfListener(proxy, 'web'), 'last');
    expect(await ask(portOfListener(proxy, 'any'), 'any')).toBe('any');
    expect(openOf(proxy, 'web')).toBe(2);
    first.end();
    expect(await within('its turn', last.answer)).toBe('last');
  });

  it('holds nobody up who comes to a listener that takes the place of one that was full', async () => {
    const pools = await poolsOf();
    const proxy = await startProxy(way, {
      listeners: { web: { address: ANY_PORT, maxSessions: 1 } },
      pools,
    });
    const first = await openClient(portOfListener(proxy, 'web'));
    await proxy.update(
      wholeOf(way, { listeners: { web: { address: '127.0.0.2:0', maxSessions: 1 } }, pools }),
    );
    const { address: host = '', port = 0 } = proxy.listener('web').addresses[0] ?? {};
    const second = await connect({ host, port });
    expect(await echoed(second, 'new')).toBe('new');
    expect(await echoed(first, 'old')).toBe('old');
  });
});

describe.each(ways)('maxSessionsPerClient of a listener with %s', (way) => {
  it('refuses one more there alone, with a warning that names the listener', async () => {
    const pools = await poolsOf();
    const proxy = await startProxy(way, {
      listeners: {
        web: { address: ANY_PORT, maxSessionsPerClient: 1 },
        any: { address: ANY_PORT },
      },
      pools,
    });
    const warned = once(proxy, 'warning');
    const web = portOfListener(proxy, 'web');
    const first = await openClient(web);
    await expect(ask(web, 'second')).rejects.toThrow();
    expect(await within('the warning', warned)).toEqual([
      '1 client was refused, from 127.0.0.1: as many sessions are open from there as maxSessionsPerClient of listener web allows (1); ' +
        'raise it if many share that address, as behind a NAT or another proxy',
    ]);
    const other = await connect({ port: web, host: '127.0.0.1', localAddress: '127.0.0.9' });
    expect(await echoed(other, 'other')).toBe('other');
    expect(await ask(portOfListener(proxy, 'any'), 'any')).toBe('any');
    expect(proxy.stats().listeners).toMatchObject([{ rejected: 1 }, { rejected: 0 }]);
    first.end();
    await readAll(first);
    // Where Node counts, it hears of the end a moment later than the figures tell.
    let answer = '';
    for (let tries = 0; tries < 1000 && answer === ''; tries++) {
      answer = await ask(web, 'again').catch(() => '');
    }
    expect(answer).toBe('again');
  });

  it('changes while it runs, and counts those that begin while there is one', async () => {
    const pools = await poolsOf();
    const proxy = await startProxy(way, { listeners: { web: { address: ANY_PORT } }, pools });
    proxy.on('warning', () => {});
    const port = portOfListener(proxy, 'web');
    const limit = (maxSessionsPerClient?: number) => {
      const web = { address: ANY_PORT, maxSessionsPerClient };
      return proxy.update(wholeOf(way, { listeners: { web }, pools }));
    };
    await openClient(port);
    await limit(1);
    await openClient(port);
    await expect(ask(port, 'third')).rejects.toThrow();
    await limit(2);
    await openClient(port);
    await expect(ask(port, 'fourth')).rejects.toThrow();
    await limit();
    await Promise.all([0, 1, 2].map(() => openClient(port)));
  });
});

describe('the limits of a listener', () => {
  const pools = { default: { backends: ['a:1'] } };
  const parse = (web: object) =>
    parseOptions({ listeners: { web: { address: ':1', ...web } }, pools });

  it('are of the long form, from 1 to as many as a process may have', () => {
    const [web] = parse({ maxSessions: 7, maxSessionsPerClient: 1_048_576 }).listeners;
    expect(web).toMatchObject({ maxSessions: 7, maxSessionsPerClient: 1_048_576 });
    expect(Object.keys(parse({ maxSessions: undefined }).listeners[0] ?? {})).not.toContain(
      'maxSessions',
    );
    for (const wrong of [0, 1_048_577, 1.5, 'many']) {
      expect(() => parse({ maxSessions: wrong })).toThrow('listeners.web.maxSessions');
      expect(() => parse({ maxSessionsPerClient: wrong })).toThrow(
        'listeners.web.maxSessionsPerClient',
      );
    }
  });

  it('come back as they were written, and are told of where they change', () => {
    const [one, other] = [parse({}), parse({ maxSessions: 7, maxSessionsPerClient: 2 })];
    expect(parseOptions(optionsOfConfig(other))).toEqual(other);
    expect(differencesOf(one, other, 'listener web')).toEqual([
      'maxSessions not set → 7',
      'maxSessionsPerClient not set → 2',
    ]);
  });

  it('are in what the command says of a file', () => {
    const file = tempPath('limits.yaml');
    const listener = '{ address: ":1", maxSessions: 7, maxSessionsPerClient: 2 }';
    writeFileSync(file, `listeners:\n  web: ${listener}\npools: { default: { backends: a:1 } }\n`);
    const written: string[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    check(file);
    write.mockRestore();
    expect(written.join('')).toContain('\n    limits    sessions 7, per client 2\n');
  });
});
