/** `update()`: another configuration takes the place of the one that runs, whole or not at all. */
import { describe, expect, it } from 'vitest';
import { randomBytes, writeInPieces } from './helpers/bytes.js';
import { until } from './helpers/deadline.js';
import { optionsOf, ways } from './helpers/engines.js';
import {
  nextSession,
  nextSummary,
  portOfListener,
  startProxy,
  type TestServices,
} from './helpers/proxies.js';
import { startBlackhole, startEcho } from './helpers/servers.js';
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
import { connect, readExactly, readToEnding } from './helpers/sockets.js';

const listeners = { in: { address: ANY_PORT } };

describe.each(ways)('update() with %s', (way) => {
  const whole = (options: TestServices) => wholeOf(way, options);

  it('adds listeners, pools and backends, and names what it has added', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    expect(proxy.stats().generation).toBe(1);
    const result = await proxy.update(
      whole({
        listeners: { ...listeners, web: { address: [ANY_PORT, ANY_PORT], pool: 'web' } },
        pools: { default: { backends: [a, b] }, web: { backends: [c] } },
      }),
    );
    expect(result).toEqual({
      generation: 2,
      added: ['listener web', 'pool web', 'default/b'],
      removed: [],
      changed: [],
    });
    expect(sorted(await answersAt(portOfListener(proxy, 'in'), 4))).toBe('aabb');
    for (const { port } of proxy.listener('web').addresses) {
      expect(await answersAt(port, 2)).toBe('cc');
    }
    expect(proxy.stats()).toMatchObject({
      generation: 2,
      listeners: [{ name: 'in' }, { name: 'web' }, { name: 'web' }],
      backends: [
        { pool: 'default', name: 'a' },
        { pool: 'default', name: 'b' },
        { pool: 'web', name: 'c' },
      ],
    });
  });

  it('removes them, and refuses who comes to a listener that is gone', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, {
      listeners: { ...listeners, web: { address: ANY_PORT, pool: 'web' } },
      pools: { default: { backends: [a, b] }, web: { backends: [c] } },
    });
    const webPort = portOfListener(proxy, 'web');
    const result = await proxy.update(whole({ listeners, pools: { default: { backends: [b] } } }));
    expect(result).toEqual({
      generation: 2,
      added: [],
      removed: ['listener web', 'pool web', 'default/a'],
      changed: [],
    });
    expect(await answersAt(portOfListener(proxy, 'in'), 3)).toBe('bbb');
    await expect(connect(webPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(() => proxy.listener('web')).toThrow('the proxy has no listener web');
    expect(() => proxy.pool('web')).toThrow('the proxy has no pool web');
  });

  it('opens and closes addresses of a listener, and has the others stay open', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: [a] } };
    const second = '127.0.0.2:0';
    const proxy = await startProxy(way, { listeners, pools });
    const port = portOfListener(proxy, 'in');
    await proxy.update(whole({ listeners: { in: { address: [second, ANY_PORT] } }, pools }));
    const [added, kept] = proxy.listener('in').addresses;
    expect([added?.address, kept]).toEqual(['127.0.0.2', { ...kept, port }]);
    const { changed } = await proxy.update(
      whole({ listeners: { in: { address: second } }, pools }),
    );
    expect(changed).toEqual(['listener in']);
    expect(proxy.listener('in').addresses).toEqual([added]);
    await expect(connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('has a listener use another pool', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const pools = { one: { backends: [a] }, two: { backends: [b] } };
    const to = (pool: string) => ({ listeners: { in: { address: ANY_PORT, pool } }, pools });
    const proxy = await startProxy(way, to('one'));
    proxy.on('warning', () => {});
    expect(await answersAt(portOfListener(proxy, 'in'), 2)).toBe('aa');
    const { changed } = await proxy.update(whole(to('two')));
    expect(changed).toEqual(['listener in']);
    expect(await answersAt(portOfListener(proxy, 'in'), 2)).toBe('bb');
  });

  it('shares by the weights that it sets, to the client', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a, b] } } });
    const port = portOfListener(proxy, 'in');
    expect(sorted(await answersAt(port, 4))).toBe('aabb');
    const pools = { default: { backends: [`${a},weight=3`, b] } };
    expect((await proxy.update(whole({ listeners, pools }))).changed).toEqual(['default/a']);
    expect(sorted(await answersAt(port, 8))).toBe('aaaaaabb');
    expect(figuresOf(proxy, 'default', 'a')).toMatchObject({ weight: 3, opened: 8 });
  });

  it('limits a backend, and takes the limit away again', async () => {
    const echoes = [await startEcho(), await startEcho()];
    const backends = echoes.map(({ address }, index) => `${address},name=${'ab'[index]}`);
    const [a = '', b = ''] = backends;
    const proxy = await startProxy(way, { listeners, pools: { default: { backends } } });
    const port = portOfListener(proxy, 'in');
    await openClient(port);
    await openClient(port);
    const limited = { default: { backends: [`${a},max-sessions=1`, b] } };
    expect((await proxy.update(whole({ listeners, pools: limited }))).changed).toEqual([
      'default/a',
    ]);
    for (let client = 0; client < 4; client++) await openClient(port);
    expect(figuresOf(proxy, 'default', 'a').open).toBe(1);
    expect(figuresOf(proxy, 'default', 'b').open).toBe(5);
    await proxy.update(whole({ listeners, pools: { default: { backends } } }));
    for (let client = 0; client < 4; client++) await openClient(port);
    expect(figuresOf(proxy, 'default', 'a').open).toBe(3);
  });

  it('has a function pick, and the loops again', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const options = { listeners, pools: { default: { backends: [a, b] } } };
    const proxy = await startProxy(way, options);
    const port = portOfListener(proxy, 'in');
    const policy = () => 1;
    const result = await proxy.update(
      whole({ listeners, pools: { default: { backends: [a, b], policy } } }),
    );
    expect(result.changed).toEqual(['pool default']);
    expect(await answersAt(port, 4)).toBe('bbbb');
    await proxy.update(whole(options));
    expect(sorted(await answersAt(port, 4))).toBe('aabb');
  });

  it('has a filter look at clients, and lets all in again', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: [a] } };
    const proxy = await startProxy(way, { listeners, pools });
    const port = portOfListener(proxy, 'in');
    expect(await answersAt(port, 1)).toBe('a');
    const seen: string[] = [];
    const filter = ({ client }: { client: { address: string } }) => {
      seen.push(client.address);
      return false;
    };
    await proxy.update(whole({ listeners: { in: { address: ANY_PORT, filter } }, pools }));
    const summary = nextSummary(proxy);
    expect((await readToEnding(await connect(port))).how).toBe('ECONNRESET');
    expect((await summary).reason).toBe('denied');
    expect(seen).toEqual(['127.0.0.1']);
    await proxy.update(whole({ listeners, pools }));
    expect(await answersAt(port, 1)).toBe('a');
    expect(seen).toHaveLength(1);
  });

  it('has time-outs of a listener hold for clients who come, and not for those who are there', async () => {
    const backend = await startEcho();
    const pools = { default: { backends: [backend.address] } };
    const proxy = await startProxy(way, { listeners, pools });
    const port = portOfListener(proxy, 'in');
    const old = await openClient(port);
    const short = { in: { address: ANY_PORT, idleTimeout: 200 } };
    await proxy.update(whole({ listeners: short, pools }));
    const summary = nextSummary(proxy);
    const client = await connect(port);
    client.write('x');
    expect((await summary).reason).toBe('idle-timeout');
    // It was silent for longer than that one.
    expect(await echoed(old, 'still')).toBe('still');
  });

  it('has time-outs of a pool hold for clients who come, and not for those on their way', async () => {
    const silent = await startBlackhole();
    const poolsWith = (connectTimeout: number) => ({
      default: { backends: [silent], connectTimeout, connectBudget: 0, abortOnClose: false },
    });
    const proxy = await startProxy(way, { listeners, pools: poolsWith(0) });
    const port = portOfListener(proxy, 'in');
    const patient = nextSession(proxy);
    await connect(port);
    expect((await patient).state).toBe('connecting');
    await proxy.update(whole({ listeners, pools: poolsWith(100) }));
    const summary = nextSummary(proxy);
    await connect(port);
    expect((await summary).reason).toBe('no-backend');
    expect((await patient).state).toBe('connecting');
  });

  it('answers with the same generation when nothing is another', async () => {
    const [a = ''] = await namedBackends('a');
    const options = { listeners, pools: { default: { backends: [a] } } };
    const proxy = await startProxy(way, options);
    const nothing = { generation: 1, added: [], removed: [], changed: [] };
    expect(await proxy.update(whole(options))).toEqual(nothing);
    expect(await proxy.update((present) => present)).toEqual(nothing);
    expect(await proxy.update(proxy.options)).toEqual(nothing);
  });

  it('takes the order of backends for a change of their pool', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a, b] } } });
    const pools = { default: { backends: [b, a] } };
    const result = await proxy.update(whole({ listeners, pools }));
    expect(result).toEqual({ generation: 2, added: [], removed: [], changed: ['pool default'] });
    expect(proxy.pool().backends).toEqual(['b', 'a']);
  });

  it('changes the short form, and to the long one and back', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const short = { ...optionsOf(way), threads: 2, listen: ANY_PORT, backends: [a] };
    const proxy = await startProxy(way, {
      listeners: { default: { address: ANY_PORT } },
      pools: { default: { backends: [a] } },
    });
    const port = portOfListener(proxy, 'default');
    expect(await proxy.update(short)).toMatchObject({ added: [], removed: [], changed: [] });
    expect(proxy.options).toHaveProperty('listen');
    expect(await proxy.update({ ...short, backends: [a, b] })).toMatchObject({
      added: ['default/b'],
    });
    expect(sorted(await answersAt(port, 2))).toBe('ab');
  });

  it('tells a function of the configuration that the one before it has made', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    const seen: number[] = [];
    const oneMore = (backend: string) =>
      proxy.update((present) => {
        const pool = present.pools?.default;
        const backends = (pool?.backends ?? []) as readonly string[];
        seen.push(backends.length);
        return whole({ listeners, pools: { default: { backends: [...backends, backend] } } });
      });
    const failing = proxy.update(() => {
      throw new RangeError('of the function');
    });
    const results = [oneMore(b), oneMore(c)];
    await expect(failing).rejects.toThrow('of the function');
    expect((await Promise.all(results)).map(({ generation }) => generation)).toEqual([2, 3]);
    expect(seen).toEqual([1, 2]);
    expect(sorted(await answersAt(portOfListener(proxy, 'in'), 3))).toBe('abc');
  });

  it('applies one after the other, in the order in which they were asked for', async () => {
    const [a = ''] = await namedBackends('a');
    const weighted = (weight: number) =>
      whole({ listeners, pools: { default: { backends: [`${a},weight=${weight}`] } } });
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    const updates = Array.from({ length: 20 }, (_, index) => proxy.update(weighted(index + 2)));
    const results = await Promise.all(updates);
    expect(results.map(({ generation }) => generation)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 2),
    );
    expect(figuresOf(proxy, 'default', 'a').weight).toBe(21);
  });

  it.each([
    ['has another name', ['one', 'two']],
    ['is handed to a listener that was there', ['one', 'other']],
  ])('refuses nobody at an address whose listener %s', async (_, [from = '', to = '']) => {
    const [a = '', b = ''] = await namedBackends('ab');
    const pools = { default: { backends: [a] }, second: { backends: [b] } };
    const other = '127.0.0.2:0';
    const before = whole({
      listeners: { [from]: { address: ANY_PORT }, other: { address: other } },
      pools,
    });
    const here = { address: ANY_PORT, pool: 'second' };
    const after = whole({
      listeners: to === 'other' ? { other: here } : { [to]: here, other: { address: other } },
      pools,
    });
    const proxy = await startProxy(way, before);
    proxy.on('warning', () => {});
    const port = portOfListener(proxy, from);
    const asking = keepAsking(() => port);
    for (let round = 0; round < 20; round++) {
      const { answered } = asking;
      await proxy.update(round % 2 === 0 ? after : before);
      expect(portOfListener(proxy, round % 2 === 0 ? to : from)).toBe(port);
      await until('somebody served', () => asking.answered > answered);
    }
    const answers = await asking.stop();
    expect(new Set(answers)).toEqual(new Set(['a', 'b']));
  });

  it('leaves sessions alone that it does not ask for', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const backend = await startEcho();
    const echo = `${backend.address},name=echo`;
    const services = (weight: number, more: string): TestServices => ({
      listeners: {
        in: { address: ANY_PORT, idleTimeout: 1_000_000 + weight },
        [`in-${weight}`]: { address: ANY_PORT },
      },
      pools: {
        default: { backends: [`${echo},weight=${weight}`, more], connectTimeout: 1000 + weight },
      },
    });
    const proxy = await startProxy(way, services(1, a));
    const started = nextSession(proxy);
    const client = await openClient(portOfListener(proxy, 'in'));
    const session = await started;
    const data = randomBytes(8_000_000, 81);
    const writing = writeInPieces(client, data, 81);
    const reading = readExactly(client, data.length);
    for (let weight = 2; weight < 40; weight++) {
      await proxy.update(whole(services(weight, weight % 2 === 0 ? b : a)));
    }
    await writing;
    expect((await reading).equals(data)).toBe(true);
    const ended = session.closed;
    client.end();
    expect(await ended).toMatchObject({ reason: 'finished', backend: 'echo' });
    expect(backend.sockets).toHaveLength(1);
    expect(figuresOf(proxy, 'default', 'echo').bytesUpstream).toBe(data.length + 5);
  });
});
