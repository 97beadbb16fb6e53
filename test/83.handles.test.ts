/** Pools, backends and listeners that a program changes by themselves, and sockets that it hands to one of several pools. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SplicewayError } from '../src/errors/catalogue.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSummary, portOfListener, startProxy, type TestServices } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import {
  ANY_PORT,
  answersAt,
  echoed,
  figuresOf,
  keepAsking,
  namedBackends,
  openClient,
  sorted,
  wholeOf,
} from './helpers/services.js';
import { ask, connect, readAll, socketPair } from './helpers/sockets.js';

const listeners = { in: { address: ANY_PORT } };

/** The code and the words of what is thrown. */
function thrownBy(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SplicewayError) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe.each(ways)('a pool with %s', (way) => {
  it('takes a backend more, and one less', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    const port = portOfListener(proxy, 'in');
    const pool = proxy.pool();
    expect(pool.name).toBe('default');
    expect(await pool.add(b)).toEqual({
      generation: 2,
      added: ['default/b'],
      removed: [],
      changed: [],
    });
    expect(pool.backends).toEqual(['a', 'b']);
    expect(sorted(await answersAt(port, 4))).toBe('aabb');
    expect(await pool.remove('a')).toEqual({
      generation: 3,
      added: [],
      removed: ['default/a'],
      changed: [],
    });
    expect(await answersAt(port, 3)).toBe('bbb');
    const [address = ''] = a.split(',');
    await pool.add({ address, name: 'again', weight: 3 });
    expect(sorted(await answersAt(port, 4))).toBe('aaab');
  });

  it('takes many at once, in the order in which they were asked for', async () => {
    const names = 'abcdefgh';
    const [first = '', ...others] = await namedBackends(names);
    const proxy = await startProxy(way, {
      listeners,
      pools: { default: { backends: [first] } },
    });
    const pool = proxy.pool();
    const results = await Promise.all(others.map((backend) => pool.add(backend)));
    expect(results.map(({ generation }) => generation)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(pool.backends).toEqual([...names]);
    expect(sorted(await answersAt(portOfListener(proxy, 'in'), 8))).toBe(names);
  });

  it('has the options of the proxy change with it', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    await proxy.pool().add(b);
    const options = wholeOf(way, { listeners, pools: { default: { backends: [a, b] } } });
    expect(await proxy.update(options)).toMatchObject({ generation: 2, added: [], changed: [] });
  });

  it('says what it cannot do', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const pools = { default: { backends: [a] }, web: { backends: [b] } };
    const proxy = await startProxy(way, { listeners, pools });
    proxy.on('warning', () => {});
    const pool = proxy.pool('web');
    const refusal = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => undefined,
        (reason: SplicewayError) => reason,
      );
      return `${error?.code} ${error?.message}`;
    };
    expect(thrownBy(() => proxy.pool('wep'))).toBe(
      'ERR_SPLICEWAY_UNKNOWN_POOL the proxy has no pool wep (did you mean "web"?)',
    );
    expect(thrownBy(() => proxy.pool('x'))).toContain('; it has default, web');
    expect(thrownBy(() => pool.backend('x'))).toBe(
      'ERR_SPLICEWAY_UNKNOWN_BACKEND pool web has no backend x; it has b',
    );
    expect(thrownBy(() => proxy.listener('inn'))).toBe(
      'ERR_SPLICEWAY_UNKNOWN_LISTENER the proxy has no listener inn (did you mean "in"?)',
    );
    expect(await refusal(pool.remove('b'))).toContain('b is the last backend of pool web');
    expect(await refusal(pool.remove('c'))).toContain('UNKNOWN_BACKEND pool web has no backend c');
    expect(await refusal(pool.add(b))).toContain('INVALID_OPTION pool web has the backend b alre');
    expect(await refusal(pool.add('b'))).toContain('INVALID_ADDRESS');
    expect(await refusal(pool.add({ address: 'b:1', weight: 0 }))).toContain('backend.weight: 0');
    expect(await refusal(pool.remove('b', { after: 0 }))).toContain('INVALID_DURATION');
    const backend = pool.backend('b');
    expect(thrownBy(() => backend.setWeight(1001))).toContain('INVALID_OPTION weight: 1001');
    expect(thrownBy(() => backend.setMaxSessions(0))).toContain('INVALID_OPTION maxSessions: 0');
    expect(proxy.stats().generation).toBe(1);

    await proxy.pool('web').add(`${a.replace('name=a', 'name=c')}`);
    await proxy.pool('web').remove('b');
    expect(thrownBy(() => backend.setWeight(2))).toContain('UNKNOWN_BACKEND');
    expect(thrownBy(() => backend.weight)).toContain('UNKNOWN_BACKEND');
    expect(await refusal(backend.drain())).toContain('UNKNOWN_BACKEND');
    await proxy.update(wholeOf(way, { listeners, pools: { default: { backends: [a] } } }));
    expect(await refusal(pool.add(b))).toContain('UNKNOWN_POOL');
    await proxy.close();
    expect(thrownBy(() => proxy.pool().backend('a').setWeight(2))).toContain('CLOSED');
    expect(await refusal(proxy.pool().add(b))).toContain('CLOSED');
    expect(thrownBy(() => proxy.listener('in').pause())).toContain('CLOSED');
  });

  it('that nobody uses is warned of, once', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const services = (spare: string): TestServices => ({
      listeners,
      pools: { default: { backends: [a] }, spare: { backends: [spare] } },
    });
    const proxy = await startProxy(way, services(a));
    const [message] = (await once(proxy, 'warning')) as [string];
    expect(message).toContain('no listener uses the pool spare');
    const warnings: string[] = [];
    proxy.on('warning', (text) => warnings.push(text));
    await proxy.update(wholeOf(way, services(b)));
    await proxy.pool('spare').add(a);
    expect(warnings).toEqual([]);
    const { pools } = services(b);
    await proxy.update(wholeOf(way, { listeners, pools: { ...pools, other: { backends: [a] } } }));
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual([expect.stringContaining('no listener uses the pool other')]);
  });
});

describe.each(ways)('a backend with %s', (way) => {
  it('gets its share by the weight that is set, to the client, until it is removed', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const services = (weight: number): TestServices => ({
      listeners,
      pools: { default: { backends: [`${a},weight=${weight}`, b] } },
    });
    const proxy = await startProxy(way, services(1));
    const port = portOfListener(proxy, 'in');
    const backend = proxy.pool().backend('a');
    backend.setWeight(4);
    expect([backend.weight, proxy.stats().generation]).toEqual([4, 2]);
    expect(sorted(await answersAt(port, 10))).toBe('aaaaaaaabb');
    await proxy.update(wholeOf(way, services(2)));
    expect(backend.weight).toBe(4);
    expect(sorted(await answersAt(port, 5))).toBe('aaaab');
    await proxy.pool().remove('a');
    await proxy.pool().add(a);
    expect(backend.weight).toBe(1);
    expect(sorted(await answersAt(port, 4))).toBe('aabb');
  });

  it('has as many sessions as are set, and any number again', async () => {
    const echoes = [await startEcho(), await startEcho()];
    const backends = echoes.map(({ address }, index) => `${address},name=${'ab'[index]}`);
    const proxy = await startProxy(way, { listeners, pools: { default: { backends } } });
    const port = portOfListener(proxy, 'in');
    const backend = proxy.pool().backend('a');
    expect(backend.maxSessions).toBeUndefined();
    backend.setMaxSessions(1);
    expect(backend.maxSessions).toBe(1);
    for (let client = 0; client < 4; client++) await openClient(port);
    expect(figuresOf(proxy, 'default', 'a')).toMatchObject({ opened: 1 });
    expect(figuresOf(proxy, 'default', 'b')).toMatchObject({ opened: 3 });
    expect(figuresOf(proxy, 'default', 'a').rejected).toBeGreaterThan(0);
    backend.setMaxSessions(undefined);
    for (let client = 0; client < 4; client++) await openClient(port);
    expect(figuresOf(proxy, 'default', 'a')).toMatchObject({ opened: 3 });
  });

  it('is what an operator has said of it, over updates and where it moves', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a, b] } } });
    const port = portOfListener(proxy, 'in');
    const backend = proxy.pool().backend('a');
    expect(await backend.maintenance()).toEqual({ cut: 0, isEmpty: true });
    const moved = c.replace('name=c', 'name=a,weight=3');
    const pools = { default: { backends: [moved, b] } };
    expect(await proxy.update(wholeOf(way, { listeners, pools }))).toMatchObject({
      changed: ['default/a'],
    });
    expect(backend.state).toBe('maintenance');
    expect(await answersAt(port, 3)).toBe('bbb');
    backend.ready();
    expect(sorted(await answersAt(port, 4))).toBe('bccc');
  });

  it('is another one for a policy of a program when it changes', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const seen: string[] = [];
    const policy = ({ backends }: { backends: readonly { name: string; weight: number }[] }) => {
      seen.push(backends.map(({ name, weight }) => `${name}${weight}`).join());
      return backends.length - 1;
    };
    const pools = { default: { backends: [a, b], policy } };
    const proxy = await startProxy(way, { listeners, pools });
    const port = portOfListener(proxy, 'in');
    expect(await answersAt(port, 1)).toBe('b');
    await proxy.pool().backend('b').drain();
    proxy.pool().backend('a').setWeight(7);
    expect(await answersAt(port, 1)).toBe('a');
    proxy.pool().backend('b').ready();
    expect(await answersAt(port, 1)).toBe('b');
    expect(seen).toEqual(['a1,b1', 'a7', 'a7,b1']);
  });
});

// The stream engine does without the addon, which it takes to close a listener and keep its queue.
describe.each(ways.filter((way) => way !== 'stream'))('a listener with %s', (way) => {
  /** A client that is in the queue of the kernel, or about to be taken from it; what it is told. */
  const waitingClient = async (port: number) => ({ answer: readAll(await connect(port)) });

  it('leaves clients in the queue of the kernel while it is paused, over updates', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const both = { ...listeners, web: { address: ANY_PORT } };
    const services = (backends: string[], more: string[] = []): TestServices => ({
      listeners: { ...both, in: { address: [ANY_PORT, ...more] } },
      pools: { default: { backends } },
    });
    const proxy = await startProxy(way, services([a]));
    const listener = proxy.listener('in');
    const port = portOfListener(proxy, 'in');
    listener.pause();
    listener.pause();
    expect([listener.isPaused, proxy.stats().generation]).toEqual([true, 2]);
    const waiting = [await waitingClient(port)];
    await proxy.update(wholeOf(way, services([b], ['127.0.0.2:0'])));
    const { address: host = '', port: added = 0 } = listener.addresses[1] ?? {};
    waiting.push({ answer: readAll(await connect({ host, port: added })) });
    // The other one goes on, and nobody has come in here meanwhile.
    expect(await answersAt(portOfListener(proxy, 'web'), 3)).toBe('bbb');
    expect(proxy.stats().listeners.map(({ opened }) => opened)).toEqual([0, 0, 3]);
    listener.resume();
    expect(listener.isPaused).toBe(false);
    for (const { answer } of waiting) expect(String(await answer)).toBe('b');
    expect(await answersAt(port, 1)).toBe('b');
  });

  it('pauses and resumes under load, and refuses nobody', async () => {
    const [a = ''] = await namedBackends('a');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    const port = portOfListener(proxy, 'in');
    const asking = keepAsking(() => port);
    for (let round = 0; round < 50; round++) {
      const { answered } = asking;
      proxy.listener('in').pause();
      await proxy.pool().add(`127.0.0.3:1,name=n${round},weight=1`);
      await proxy.pool().remove(`n${round}`);
      proxy.listener('in').resume();
      await until('somebody served', () => asking.answered > answered);
    }
    expect(new Set(await asking.stop())).toEqual(new Set(['a']));
  });

  it('serves who waits when its address is that of another one, which is not paused', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: [a] } };
    const proxy = await startProxy(way, { listeners, pools });
    const port = portOfListener(proxy, 'in');
    proxy.listener('in').pause();
    const { answer } = await waitingClient(port);
    await proxy.update(wholeOf(way, { listeners: { out: { address: ANY_PORT } }, pools }));
    expect(proxy.listener('out').isPaused).toBe(false);
    expect(String(await answer)).toBe('a');
    expect(await answersAt(port, 1)).toBe('a');
  });

  it('has who waits wait on when its address is that of another one, which is paused', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: [a] } };
    const other = '127.0.0.2:0';
    const proxy = await startProxy(way, {
      listeners: { ...listeners, other: { address: other } },
      pools,
    });
    const port = portOfListener(proxy, 'in');
    proxy.listener('other').pause();
    await proxy.update(
      wholeOf(way, { listeners: { in: { address: other }, other: { address: ANY_PORT } }, pools }),
    );
    expect(portOfListener(proxy, 'other')).toBe(port);
    const { answer } = await waitingClient(port);
    const { address: host = '', port: free = 0 } = proxy.listener('in').addresses[0] ?? {};
    expect(String(await readAll(await connect({ host, port: free })))).toBe('a');
    proxy.listener('other').resume();
    expect(String(await answer)).toBe('a');
  });
});

describe.each(ways)('a listener more with %s', (way) => {
  it('waits with the others while there are as many sessions as may be', async () => {
    const backend = await startEcho();
    const pools = { default: { backends: [backend.address] } };
    const proxy = await startProxy(way, { listeners, pools, maxSessions: 1 });
    const port = portOfListener(proxy, 'in');
    const first = await openClient(port);
    const paused = once(proxy, 'listenerPaused');
    const second = ask(port, 'second');
    await paused;
    const both = { ...listeners, web: { address: ANY_PORT } };
    await proxy.update(wholeOf(way, { listeners: both, pools, maxSessions: 1 }));
    const third = ask(portOfListener(proxy, 'web'), 'third');
    expect(await echoed(first, 'still')).toBe('still');
    expect(proxy.stats().sessions).toMatchObject({ open: 1, opened: 1 });
    first.end();
    expect(await Promise.all([second, third])).toEqual(['second', 'third']);
  });
});

it('a listener of the stream engine cannot be paused', async () => {
  const [a = ''] = await namedBackends('a');
  const proxy = await startProxy('stream', { listeners, pools: { default: { backends: [a] } } });
  expect(thrownBy(() => proxy.listener('in').pause())).toContain(
    'ERR_SPLICEWAY_ENGINE_UNAVAILABLE listener in cannot be paused: that takes the addon',
  );
  expect(proxy.listener('in').isPaused).toBe(false);
  expect(proxy.stats().generation).toBe(1);
  expect(await answersAt(portOfListener(proxy, 'in'), 1)).toBe('a');
});

describe.each(ways)('handoff() with %s', (way) => {
  it('picks from the pool that it names, or the one named default', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const pools = { default: { backends: [a] }, web: { backends: [b, c] } };
    const proxy = await startProxy(way, { pools });
    proxy.on('warning', () => {});
    const handed = async (options?: { pool?: string; backend?: string }) => {
      const { near, far } = await socketPair({ allowHalfOpen: true });
      const session = proxy.handoff(near, options);
      const answer = String(await readAll(far));
      far.end();
      return `${session.pool} ${answer}`;
    };
    expect(await handed()).toBe('default a');
    expect(await handed({ pool: 'web', backend: 'c' })).toBe('web c');
    expect(new Set([await handed({ pool: 'web' }), await handed({ pool: 'web' })])).toEqual(
      new Set(['web b', 'web c']),
    );
    expect(proxy.stats().handoff.opened).toBe(4);
    expect(figuresOf(proxy, 'web', 'c').opened).toBe(2);
  });

  it('refuses a pool or a backend that is gone, and leaves the socket to its owner', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const pools = { one: { backends: [a, b] }, two: { backends: [b] } };
    const proxy = await startProxy(way, { pools });
    proxy.on('warning', () => {});
    const { near, far } = await socketPair();
    expect(thrownBy(() => proxy.handoff(near))).toMatch(
      /^ERR_SPLICEWAY_UNKNOWN_POOL handoff\(\) does not say which pool to pick from; /,
    );
    await proxy.pool('one').remove('a');
    expect(thrownBy(() => proxy.handoff(near, { pool: 'one', backend: 'a' }))).toMatch(
      /^ERR_SPLICEWAY_UNKNOWN_BACKEND pool one has no backend a/,
    );
    await proxy.update(wholeOf(way, { pools: { one: { backends: [b] } } }));
    expect(thrownBy(() => proxy.handoff(near, { pool: 'two' }))).toContain('no pool two');
    // The only one needs no name.
    proxy.handoff(near);
    expect(String(await readAll(far))).toBe('b');
  });

  it('finds none where the backend that it names takes no sessions', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, { pools: { default: { backends: [a, b] } } });
    proxy.on('warning', () => {});
    await proxy.pool().backend('a').drain();
    const summary = nextSummary(proxy);
    const { near, far } = await socketPair({ pauseOnConnect: true });
    proxy.handoff(near, { backend: 'a', onFailure: 'return' });
    const { reason, socket } = await summary;
    expect(reason).toBe('no-backend');
    proxy.handoff(socket as typeof near, { backend: 'b' });
    expect(String(await readAll(far))).toBe('b');
  });
});
