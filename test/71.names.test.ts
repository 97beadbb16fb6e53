/** Names of backends: several addresses of one, and those that move while their old address still answers. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Lookup } from '../src/pool/backend.js';
import { Names } from '../src/pool/names.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { poolOf } from './helpers/pools.js';
import { askInTurn, portOf, startProxy } from './helpers/proxies.js';
import { startNamed, startServer, type TestServer } from './helpers/servers.js';
import { connect, readExactly } from './helpers/sockets.js';

/** Servers that say their name, at 127.0.0.1, 127.0.0.2 and so on, with one port. */
async function startNeighbours(names: string): Promise<TestServer[]> {
  const [first = '', ...others] = names;
  const servers = [await startNamed(first)];
  for (const [index, name] of others.entries()) {
    const listen = { host: `127.0.0.${index + 2}`, port: servers[0]?.port };
    servers.push(await startServer((socket) => socket.resume().end(name), { listen }));
  }
  return servers;
}

/** A resolver whose answers the test changes, and a clock that no pause between two lookups outlasts. */
function resolver(...first: string[]) {
  const state = { addresses: first, lookups: 0, time: 0 };
  const lookup: Lookup = async (name) => {
    state.lookups += 1;
    if (state.addresses.length === 0) throw new Error(`${name} is not known`);
    return state.addresses.map((address) => ({ address, family: 4 }));
  };
  const now = () => {
    state.time += 20_000;
    return state.time;
  };
  return { state, internals: { lookup, now } };
}

const loopback = (count: number) => Array.from({ length: count }, (_, n) => `127.0.0.${n + 1}`);

describe.each(ways)('several addresses of one name with %s', (way) => {
  it('are used until one fails, the first one first', async () => {
    const [a, b] = await startNeighbours('ab');
    const { internals } = resolver(...loopback(2));
    const backends = [`db.test:${a?.port}`];
    const proxy = await startProxy(way, { backends, resolveEvery: 0 }, internals);
    expect(await askInTurn(proxy, 4)).toBe('aaaa');
    await a?.close();
    expect(await askInTurn(proxy, 3)).toBe('bbb');
    await b?.close();
  });

  it('are each told of, when they fail for one client', async () => {
    const [a, b, c] = await startNeighbours('abc');
    await Promise.all([a?.close(), b?.close()]);
    const { internals } = resolver(...loopback(3));
    const proxy = await startProxy(way, { backends: [`db.test:${c?.port}`] }, internals);
    const told: unknown[] = [];
    proxy.on('backendError', ({ error, count }) => told.push([error.address, count]));
    expect(await askInTurn(proxy, 1)).toBe('c');
    await until('both failures', () => told.length === 2);
    expect(told).toEqual(loopback(2).map((address) => [`${address}:${c?.port}`, 1]));
  });

  it('are used in turn where all are asked for', async () => {
    const [a] = await startNeighbours('abc');
    const { internals } = resolver(...loopback(3));
    const backends = [`db.test:${a?.port},addresses=all`];
    const proxy = await startProxy(way, { backends }, internals);
    expect(await askInTurn(proxy, 7)).toBe('abcabca');
    expect(proxy.stats().backends.map(({ opened }) => opened)).toEqual([7]);
  });

  it('count once, however often the resolver says them', async () => {
    const [a] = await startNeighbours('ab');
    const { internals } = resolver('127.0.0.1', '127.0.0.1', '127.0.0.2');
    const backends = [`db.test:${a?.port},addresses=all`];
    const proxy = await startProxy(way, { backends }, internals);
    expect(await askInTurn(proxy, 4)).toBe('abab');
  });

  it('are one backend, with one share and one limit', async () => {
    const [a] = await startNeighbours('ab');
    const x = await startNamed('x');
    const held = await startServer((socket) => socket.write('h'), {
      listen: { host: '127.0.0.1', port: 0 },
    });
    const { internals } = resolver(...loopback(2));
    const backends = [`db.test:${a?.port},addresses=all`, x.address];
    const proxy = await startProxy(way, { backends }, internals);
    expect(await askInTurn(proxy, 8)).toBe('axbxaxbx');

    const limited = await startProxy(
      way,
      { backends: [`db.test:${held.port},addresses=all,max-sessions=1`, x.address] },
      internals,
    );
    const client = await connect(portOf(limited));
    expect(String(await readExactly(client, 1))).toBe('h');
    expect(await askInTurn(limited, 3)).toBe('xxx');
  });

  it('keep their turns when one refuses, whose sessions go to the next', async () => {
    const [a, b] = await startNeighbours('abc');
    const { internals } = resolver(...loopback(3));
    const backends = [`db.test:${a?.port},addresses=all`];
    const proxy = await startProxy(way, { backends, resolveEvery: 0 }, internals);
    await b?.close();
    expect(await askInTurn(proxy, 6)).toBe('accacc');
    expect(proxy.stats().backends.map(({ failed }) => failed)).toEqual([0]);
  });
});

describe.each(ways)('a name with %s', (way) => {
  it('that moves while its old address still answers is followed, and sessions stay', async () => {
    const old = await startServer((socket) => socket.on('data', () => socket.write('old')));
    await startServer((socket) => socket.resume().end('new'), {
      listen: { host: '127.0.0.2', port: old.port },
    });
    const { state, internals } = resolver('127.0.0.1');
    const backends = [`db.test:${old.port}`];
    const proxy = await startProxy(way, { backends, resolveEvery: 5 }, internals);
    const stays = await connect(portOf(proxy));
    stays.write('?');
    expect(String(await readExactly(stays, 3))).toBe('old');
    const { lookups } = state;
    state.addresses = ['127.0.0.2'];
    await until('two lookups', () => state.lookups > lookups + 1);
    expect(await askInTurn(proxy, 2)).toBe('newnew');
    stays.write('?');
    expect(String(await readExactly(stays, 3))).toBe('old');
  });

  it('that does not resolve any more keeps its addresses, and a warning says so once', async () => {
    const server = await startNamed('a');
    const { state, internals } = resolver('127.0.0.1');
    const backends = [`db.test:${server.port}`];
    const proxy = await startProxy(way, { backends, resolveEvery: 5 }, internals);
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    proxy.on('backendError', ({ error }) => warnings.push(error.message));
    for (const outage of [1, 2]) {
      state.addresses = [];
      const { lookups } = state;
      await until('several lookups', () => state.lookups > lookups + 3);
      expect(warnings).toHaveLength(outage);
      expect(warnings.at(-1)).toContain(`the name of backend db.test:${server.port} does not res`);
      expect(await askInTurn(proxy, 1)).toBe('a');
      state.addresses = ['127.0.0.1'];
      const { lookups: again } = state;
      await until('two lookups', () => state.lookups > again + 1);
    }
  });

  it('is not looked up again while it answers, where resolveEvery is 0', async () => {
    const server = await startNamed('a');
    const { state, internals } = resolver('127.0.0.1');
    const proxy = await startProxy(
      way,
      { backends: [`db.test:${server.port}`], resolveEvery: 0 },
      internals,
    );
    expect(await askInTurn(proxy, 3)).toBe('aaa');
    expect(state.lookups).toBe(1);
  });
});

describe('the lookups of a pool', () => {
  /** A pool that looks names up every other millisecond; what it asks, and how to answer. */
  function start(...addresses: string[]) {
    const asked: string[] = [];
    const waiting: (() => void)[] = [];
    const lookup: Lookup = (name) => {
      asked.push(name);
      const found = [{ address: '127.0.0.1', family: 4 }];
      if (name !== 'slow.test') return Promise.resolve(found);
      return new Promise((resolve) => waiting.push(() => resolve(found)));
    };
    let time = 0;
    const now = () => {
      time += 20_000;
      return time;
    };
    const looking = new Names(2, false);
    onTestFinished(() => looking.close());
    looking.watch(poolOf(addresses, {}, { lookup, now }).backends);
    const count = (wanted: string) => asked.filter((name) => name === wanted).length;
    return { looking, count, answer: () => waiting.splice(0).forEach((resolve) => void resolve()) };
  }

  it('take turns, and one of each name is in flight', async () => {
    const { count, answer } = start('slow.test:1', '10.0.0.1:1', 'fast.test:1');
    await until('several lookups', () => count('fast.test') === 5);
    expect(count('slow.test')).toBe(1);
    expect(count('10.0.0.1')).toBe(0);
    answer();
    await until('the next one', () => count('slow.test') === 2);
  });

  it('end with it', async () => {
    const closed = start('fast.test:1');
    const other = start('fast.test:1');
    await until('a lookup', () => closed.count('fast.test') > 0);
    closed.looking.close();
    const before = closed.count('fast.test');
    const { count } = other;
    const goal = count('fast.test') + 5;
    await until('lookups of the other one', () => count('fast.test') > goal);
    expect(closed.count('fast.test')).toBe(before);
  });
});
