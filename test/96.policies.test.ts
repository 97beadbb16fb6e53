/** Policies that are built in, through a real proxy. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Session } from '../src/session/session.js';
import { until } from './helpers/deadline.js';
import { type Way, ways } from './helpers/engines.js';
import { shares } from './helpers/policies.js';
import { portOf, type RunningProxy, startProxy, type TestOptions } from './helpers/proxies.js';
import { refusedAddress, startServer } from './helpers/servers.js';
import { connect, readExactly, socketPair } from './helpers/sockets.js';

/** Those that are open, as the program knows. */
const sessions = new WeakMap<RunningProxy, Set<Session>>();

async function start(way: Way, options: TestOptions): Promise<RunningProxy> {
  const proxy = await startProxy(way, options);
  const open = new Set<Session>();
  sessions.set(proxy, open);
  proxy.on('session', (session) => {
    open.add(session);
    void session.closed.then(() => open.delete(session));
  });
  return proxy;
}

/** Says its name to each client, who stays until it ends. */
async function startGreeter(name: string): Promise<string> {
  const { address } = await startServer((socket) => {
    socket.write(name);
    socket.resume().on('end', () => socket.end());
  });
  return address;
}

const greeters = (names: string) => Promise.all([...names].map(startGreeter));

/** A client that stays, and the name of its backend. */
async function enter(proxy: RunningProxy, localAddress = '127.0.0.1') {
  const client = await connect({ port: portOf(proxy), host: '127.0.0.1', localAddress });
  return { client, name: String(await readExactly(client, 1)) };
}

/** So many clients that stay, one after the other. */
async function enterAll(proxy: RunningProxy, count: number) {
  const entered: Awaited<ReturnType<typeof enter>>[] = [];
  for (let index = 0; index < count; index++) entered.push(await enter(proxy));
  return entered;
}

const namesOf = (entered: readonly { name: string }[]) => entered.map(({ name }) => name).join('');

/** A client that leaves at once, and whose session is over then. */
async function visit(proxy: RunningProxy, localAddress?: string): Promise<string> {
  const visitor = await enter(proxy, localAddress);
  await leave(proxy, [visitor]);
  return visitor.name;
}

async function visits(proxy: RunningProxy, count: number): Promise<string> {
  let names = '';
  for (let index = 0; index < count; index++) names += await visit(proxy);
  return names;
}

/** What was changed before is in effect. */
const settled = (proxy: RunningProxy) => proxy.update((present) => present);

/** The sessions that these clients had are over, and everybody has heard of it. */
async function leave(proxy: RunningProxy, entered: readonly { client: Socket }[]): Promise<void> {
  const open = sessions.get(proxy) ?? new Set();
  const left = open.size - entered.length;
  for (const { client } of entered) client.end();
  await until('the end of their sessions', () => open.size === left);
}

describe.each(ways)('round-robin, with %s', (way) => {
  it('takes turns by weight, also by others that come while it runs', async () => {
    const [a = '', b = ''] = await greeters('ab');
    const proxy = await start(way, { backends: [{ address: a, weight: 2 }, b] });
    expect(await visits(proxy, 6)).toBe('abaaba');
    proxy.pool().backend(b).setWeight(2);
    await settled(proxy);
    expect(shares(await visits(proxy, 4))).toEqual({ a: 2, b: 2 });
  });
});

describe.each(ways)('policies with %s', (way) => {
  it('least-connections fills backends by their weights, and those up who have lost some', async () => {
    const [a = '', b = ''] = await greeters('ab');
    const proxy = await start(way, {
      policy: 'least-connections',
      backends: [{ address: a, weight: 2 }, b],
    });
    const entered = await enterAll(proxy, 30);
    expect(shares(namesOf(entered))).toEqual({ a: 20, b: 10 });
    await leave(
      proxy,
      entered.filter(({ name }) => name === 'a'),
    );
    expect(namesOf(await enterAll(proxy, 15))).toBe('a'.repeat(15));
  });

  it('random keeps backends alike', async () => {
    const proxy = await start(way, { policy: 'random', backends: await greeters('abcd') });
    const counts = shares(namesOf(await enterAll(proxy, 100)));
    // By chance alone, one in a million runs has one beyond that.
    expect(Math.max(...Object.values(counts))).toBeLessThan(40);
    expect(Object.keys(counts).sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('first fills one, spills over to the next, and comes back', async () => {
    const [a = '', b = '', c = ''] = await greeters('abc');
    const proxy = await start(way, {
      policy: 'first',
      backends: [{ address: a, maxSessions: 2 }, { address: b, maxSessions: 3 }, c],
    });
    const entered = await enterAll(proxy, 7);
    expect(namesOf(entered)).toBe('aabbbcc');
    await leave(proxy, entered.slice(1, 3));
    expect(namesOf(await enterAll(proxy, 3))).toBe('abc');
  });

  it('first goes on to the next when one does not answer', async () => {
    const [b = ''] = await greeters('b');
    const backends = [await refusedAddress(), b];
    const proxy = await start(way, { policy: 'first', backends });
    expect(await visits(proxy, 3)).toBe('bbb');
  });

  it('source-hash sends a client to one backend, and to the same one on another proxy', async () => {
    const backends = (await greeters('abcdef')).map((address, index) => ({
      address,
      name: `db-${index}`,
    }));
    const options = { policy: 'source-hash' } as const;
    const proxy = await start(way, { ...options, backends });
    const other = await start(way, { ...options, backends: [...backends].reverse() });
    const clients = Array.from({ length: 40 }, (_, index) => `127.0.${index}.7`);
    const namesAt = async (where: RunningProxy) => {
      const names: string[] = [];
      for (const address of clients) names.push(await visit(where, address));
      return names;
    };
    const names = await namesAt(proxy);
    expect(new Set(names).size).toBe(6);
    expect(await namesAt(proxy)).toEqual(names);
    expect(await namesAt(other)).toEqual(names);
    await proxy.pool().backend('db-2').drain();
    const meanwhile = await namesAt(proxy);
    for (const [index, name] of names.entries()) {
      if (name === 'c') expect('abdef').toContain(meanwhile[index]);
      else expect(meanwhile[index]).toBe(name);
    }
    proxy.pool().backend('db-2').ready();
    await settled(proxy);
    expect(await namesAt(proxy)).toEqual(names);
  });

  it('source-hash takes the clients of one prefix together', async () => {
    const proxy = await start(way, {
      policy: 'source-hash',
      hashKey: '/24',
      hashSlots: 655_373,
      backends: await greeters('abcd'),
    });
    const names = new Set<string>();
    for (let host = 1; host <= 20; host++) names.add(await visit(proxy, `127.9.9.${host}`));
    expect(names.size).toBe(1);
  });

  it('go to a backup when nobody else can be used, and to the next priority after that', async () => {
    const [a = '', b = '', c = ''] = await greeters('abc');
    const proxy = await start(way, {
      backends: [{ address: c, priority: 9 }, `${b},backup`, { address: a, maxSessions: 1 }],
    });
    expect(await visits(proxy, 3)).toBe('aaa');
    const [one] = await enterAll(proxy, 1);
    expect(await visits(proxy, 2)).toBe('bb');
    await proxy.pool().backend(b).drain();
    expect(await visits(proxy, 2)).toBe('cc');
    await leave(proxy, one === undefined ? [] : [one]);
    expect(await visits(proxy, 2)).toBe('aa');
  });

  it('go to a backup when the others do not answer', async () => {
    const [b = ''] = await greeters('b');
    const proxy = await start(way, {
      backends: [`${b},backup`, await refusedAddress(), await refusedAddress()],
    });
    proxy.on('backendError', () => {});
    expect(await visits(proxy, 4)).toBe('bbbb');
  });

  it('change while the proxy runs', async () => {
    const backends = await greeters('ab');
    const proxy = await start(way, { backends });
    expect(await visits(proxy, 4)).toBe('abab');
    const { changed } = await proxy.update((present) => ({ ...present, policy: 'first' }) as never);
    expect(changed).toEqual(['pool default']);
    expect(await visits(proxy, 3)).toBe('aaa');
    await proxy.update(
      (present) =>
        ({ ...present, policy: ({ tried }: { tried: Set<number> }) => 1 - tried.size }) as never,
    );
    expect(await visits(proxy, 2)).toBe('bb');
  });

  it('pick for handoff() as well', async () => {
    const [a = '', b = ''] = await greeters('ab');
    const proxy = await start(way, { listen: [], policy: 'first', backends: [a, b] });
    for (let round = 0; round < 2; round++) {
      const { near, far } = await socketPair();
      proxy.handoff(near);
      expect(String(await readExactly(far, 1))).toBe('a');
    }
  });
});
