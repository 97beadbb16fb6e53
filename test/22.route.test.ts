/** The order in which backends are tried, and when names are looked up. */
import { describe, expect, it } from 'vitest';
import type { PickFunction } from '../src/policy/pick-function.js';
import type { Backend, Lookup } from '../src/pool/backend.js';
import { resolveAll } from '../src/pool/names.js';
import type { Pool } from '../src/pool/pool.js';
import type { ClientPick } from '../src/pool/selection.js';
import { CycleRoute } from '../src/session/cycle-route.js';
import { PoolRoute } from '../src/session/route.js';
import { backendAt, poolOf, resolvedPoolOf, type TestPoolOptions } from './helpers/pools.js';

const inOrder =
  ({ backends }: Pool): ClientPick =>
  (tried) =>
    backends[tried.size];

/** A resolver that counts, and knows what it was told last. */
function resolver(known: Record<string, string[]>) {
  const asked: string[] = [];
  const lookup: Lookup = async (name) => {
    asked.push(name);
    const addresses = known[name];
    if (addresses === undefined) throw new Error(`${name} is not known`);
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  const time = { now: 0 };
  /** More than the longest pause between two lookups. */
  const later = () => {
    time.now += 11_000;
  };
  return { known, asked, lookup, now: () => time.now, time, later };
}

/** Every backend that the route gives, with the addresses that it has then. */
async function all(pool: Pool, route: PoolRoute | CycleRoute): Promise<string[]> {
  const given: string[] = [];
  for (let row = await route.next(); row !== undefined; row = await route.next()) {
    const { addresses: found } = backendAt(pool, Number(row));
    const addresses = found.map((to) => ('ip' in to ? to.ip : to.path));
    given.push(`${row}:${addresses.join('+')}`);
  }
  return given;
}

/** A pool whose resolver is the given one, and whose first lookups are done. */
function resolvedPool(
  names: readonly string[],
  { lookup, now }: ReturnType<typeof resolver>,
  failed: string[] = [],
): Promise<Pool> {
  const onResolveFailed = ({ name }: { name: string }) => failed.push(name);
  return resolvedPoolOf(names, { onResolveFailed }, { lookup, now });
}

describe('a route', () => {
  it('gives each backend once, without a lookup for literals', async () => {
    const names = resolver({});
    const pool = await resolvedPool(['127.0.0.1:1', '[::1]:2', 'unix:/x.sock'], names);
    const route = new PoolRoute(pool, inOrder(pool));
    expect(await all(pool, route)).toEqual(['0:127.0.0.1', '1:::1', '2:/x.sock']);
    expect(await all(pool, route)).toEqual([]);
    expect(names.asked).toEqual([]);
  });

  it('counts its client at the backend that it tries, until the client has left', () => {
    const pool = poolOf(['127.0.0.1:1', '127.0.0.1:2']);
    const route = new PoolRoute(pool, inOrder(pool));
    const counts = () => pool.backends.map(({ open }) => open);
    expect(counts()).toEqual([0, 0]);
    route.next();
    expect(counts()).toEqual([1, 0]);
    route.next();
    expect(counts()).toEqual([0, 1]);
    route.end('finished');
    expect(counts()).toEqual([0, 0]);
  });

  it('counts no client that leaves while a name is looked up', async () => {
    const names = resolver({});
    const pool = await resolvedPool(['a.test:1'], names);
    const route = new PoolRoute(pool, inOrder(pool));
    names.known['a.test'] = ['10.0.0.1'];
    names.later();
    const first = route.next();
    expect(backendAt(pool, 0).open).toBe(1);
    expect(await first).toBe(0);
    names.known['a.test'] = ['10.0.0.2'];
    names.later();
    const second = route.next();
    route.end('finished');
    expect(await second).toBe(0);
    expect(backendAt(pool, 0).open).toBe(0);
  });

  it('answers at once, without a promise, when nothing needs to be looked up', () => {
    const pool = poolOf(['127.0.0.1:1']);
    const route = new PoolRoute(pool, inOrder(pool));
    expect(route.next()).toBe(0);
    expect(route.next()).toBeUndefined();
  });

  it('tries a name once more, after all others, when it has moved', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'] });
    const pool = await resolvedPool(['a.test:1', 'b.test:1'], names);
    const route = new PoolRoute(pool, inOrder(pool));
    names.known['a.test'] = ['10.0.0.1', '10.0.0.9'];
    names.later();
    // What is new comes first.
    expect(await all(pool, route)).toEqual(['0:10.0.0.1', '1:10.0.0.2', '0:10.0.0.9+10.0.0.1']);
  });

  it('does not try a name again whose addresses only changed places', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1', '10.0.0.2'] });
    const pool = await resolvedPool(['a.test:1'], names);
    const route = new PoolRoute(pool, inOrder(pool));
    names.known['a.test'] = ['10.0.0.2', '10.0.0.1'];
    names.later();
    expect(await all(pool, route)).toEqual(['0:10.0.0.1+10.0.0.2']);
    expect(names.asked).toHaveLength(2);
  });

  it('gives a name that does not resolve, for it to fail, and keeps what another resolved to before', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const failed: string[] = [];
    const pool = await resolvedPool(['gone.test:1', 'a.test:1'], names, failed);
    expect(failed).toEqual(['gone.test:1']);
    delete names.known['a.test'];
    for (let client = 0; client < 2; client++) {
      names.later();
      expect(await all(pool, new PoolRoute(pool, inOrder(pool)))).toEqual(['0:', '1:10.0.0.1']);
    }
    expect(names.asked).toHaveLength(6);
  });

  it('shares one lookup of a name without an address among the clients that come together', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const pool = await resolvedPool(['gone.test:1', 'a.test:1'], names);
    names.later();
    const route = () => all(pool, new PoolRoute(pool, inOrder(pool)));
    // And one more that comes too early for another lookup.
    const given = [...(await Promise.all([route(), route(), route()])), await route()];
    expect(given).toEqual(Array(4).fill(['0:', '1:10.0.0.1']));
    expect(names.asked.filter((name) => name === 'gone.test')).toHaveLength(2);
  });

  it('is over when its policy throws, and no name is looked up for one more try', async () => {
    const told: Error[] = [];
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const pool = await resolvedPoolOf(['a.test:1', '127.0.0.1:1'], {}, names, {
      onPickFailed: (error) => told.push(error),
    });
    const mistake = new Error('thrown by the policy');
    const route = new PoolRoute(pool, (tried) => {
      if (tried.size === 0) return backendAt(pool, 0);
      throw mistake;
    });
    expect(route.next()).toBe(0);
    names.known['a.test'] = ['10.0.0.2'];
    names.later();
    expect(route.next()).toBeUndefined();
    expect(route.next()).toBeUndefined();
    expect(told).toEqual([mistake]);
    expect(route.failure).toBe(mistake);
  });

  it('asks again when what it was promised may not be picked any more', async () => {
    const pool = poolOf(['127.0.0.1:1', '127.0.0.1:2']);
    const [first, second] = [backendAt(pool, 0), backendAt(pool, 1)];
    const picks = [Promise.resolve(first), Promise.resolve(second)];
    const route = new PoolRoute(pool, () => picks.shift());
    const next = route.next();
    first.configure(first.config, { state: 'drain' });
    expect(await next).toBe(1);
    expect([first.open, second.open]).toEqual([0, 1]);
  });

  it('says nothing of a promise that nobody waits for any more', async () => {
    const told: Error[] = [];
    const pool = poolOf(['127.0.0.1:1'], {}, {}, { onPickFailed: (error) => told.push(error) });
    const route = new PoolRoute(pool, () => new Promise(() => {}));
    const next = route.next();
    route.end('reset');
    expect(await next).toBeUndefined();
    expect(told).toEqual([]);
    expect(backendAt(pool, 0).open).toBe(0);
  });

  it('does not look a name up for a backend that has not failed', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const pool = await resolvedPool(['a.test:1'], names);
    names.later();
    const route = new PoolRoute(pool, inOrder(pool));
    expect(await route.next()).toBe(0);
    expect(names.asked).toHaveLength(1);
    await route.next();
    expect(names.asked).toHaveLength(2);
  });

  it('does not wait longer for a resolver than it may', async () => {
    const lookup: Lookup = () => new Promise(() => {});
    const pool = poolOf(['slow.test:1'], {}, { lookup }, { connectMs: 20 });
    expect(await all(pool, new PoolRoute(pool, inOrder(pool)))).toEqual(['0:']);
  });
});

describe('a route after a cycle', () => {
  const client = { client: { address: '192.0.2.1', port: 1 }, listener: 'default' };
  const routeAfter = (pool: Pool) =>
    new CycleRoute(pool, { openedAt: 0, client, poolNow: () => pool });

  it('has nothing to try, and makes no promise, where there are no names', () => {
    const pool = poolOf(['127.0.0.1:1']);
    expect(routeAfter(pool).next()).toBeUndefined();
  });

  it('tries names that have moved, each once', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'], 'c.test': [] });
    const pool = await resolvedPool(['127.0.0.1:1', 'a.test:1', 'b.test:1', 'c.test:1'], names);
    names.later();
    names.known['b.test'] = ['10.0.0.3'];
    names.known['c.test'] = ['10.0.0.4'];
    expect(await all(pool, routeAfter(pool))).toEqual(['2:10.0.0.3', '3:10.0.0.4']);
  });

  it('tries a name that moved while its client was still on the way, with no lookup', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'] });
    const pool = await resolvedPool(['a.test:1', 'b.test:1'], names);
    names.later();
    names.known['a.test'] = ['10.0.0.3'];
    await backendAt(pool, 0).resolve();
    const asked = names.asked.length;
    // Two addresses, a second for each.
    names.time.now += 1999;
    expect(await all(pool, routeAfter(pool))).toEqual(['0:10.0.0.3']);
    expect(names.asked.slice(asked)).toEqual(['b.test']);
    names.time.now += 1;
    expect(await all(pool, routeAfter(pool))).toEqual([]);
  });

  it('asks the function that has become the policy of its listener', async () => {
    const before = poolOf(['127.0.0.1:1']);
    const asked: unknown[] = [];
    const policy: PickFunction = ({ tried, client, listener }) => {
      asked.push([client, listener]);
      return [1, 0].find((index) => !tried.has(index));
    };
    const pool = poolOf(['127.0.0.1:1', '127.0.0.1:2'], {}, {}, { policy });
    const listener = { pool: before };
    const poolNow = () => listener.pool;
    const route = new CycleRoute(before, { openedAt: 0, isNew: true, client, poolNow });
    expect(route.next()).toBe('by cycle');
    listener.pool = pool;
    expect([route.next(), route.next(), route.next()]).toEqual([1, 0, undefined]);
    expect(asked).toEqual(Array(3).fill(Object.values(client)));
  });

  it('does not take the first answer of the name servers for a move', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    for (const connectMs of [1000, 0]) {
      const pool = await resolvedPoolOf(['a.test:1'], {}, names, { connectMs });
      expect(await all(pool, routeAfter(pool))).toEqual([]);
    }
  });
});

/** Its addresses, in the order to try them. */
const order = ({ addresses }: Backend) =>
  addresses.map((to) => (to.kind === 'tcp' ? to.ip : to.path)).join(' ');

const v4 = (ip: string) => ({ kind: 'tcp', ip, port: 1, family: 4 }) as const;
const v6 = (ip: string) => ({ kind: 'tcp', ip, port: 1, family: 6 }) as const;

describe('a backend', () => {
  it('has one lookup in flight, however many ask', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const one = backendAt(await resolvedPool(['a.test:1'], names), 0);
    names.later();
    await Promise.all(Array.from({ length: 1000 }, () => one.resolve()));
    expect(names.asked).toHaveLength(2);
  });

  it('is looked up once a second at most, and less often while that fails', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const one = backendAt(await resolvedPool(['a.test:1'], names), 0);
    /** Asks for so long, ten times a second; how many lookups there were. */
    const lookups = async (seconds: number) => {
      const before = names.asked.length;
      for (let tenth = 0; tenth < seconds * 10; tenth++) {
        names.time.now += 100;
        await one.resolve();
      }
      return names.asked.length - before;
    };
    expect(await lookups(20)).toBe(20);
    delete names.known['a.test'];
    // After 1, 1, 2, 4, 8 and then every 10 seconds.
    expect(await lookups(16)).toBe(5);
    expect(await lookups(40)).toBe(4);
    names.known['a.test'] = ['10.0.0.1'];
    await lookups(10);
    expect(await lookups(20)).toBe(20);
  });

  it('puts an address that failed behind the others, also after the next lookup', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1', '10.0.0.2', '10.0.0.3'] });
    const one = backendAt(await resolvedPool(['a.test:1'], names), 0);
    one.demote(v4('10.0.0.1'));
    expect(order(one)).toBe('10.0.0.2 10.0.0.3 10.0.0.1');
    one.demote(v4('10.9.9.9'));
    expect(order(one)).toBe('10.0.0.2 10.0.0.3 10.0.0.1');
    names.known['a.test'] = ['10.0.0.1', '10.0.0.4', '10.0.0.2'];
    names.later();
    await one.resolve();
    expect(order(one)).toBe('10.0.0.4 10.0.0.2 10.0.0.1');
  });

  it('has addresses of two families in turn, that of the first one first', async () => {
    const found = ['fd00::1', 'fd00::2', 'fd00::3', '10.0.0.1', '10.0.0.2'];
    const names = resolver({ 'a.test': found });
    const one = backendAt(await resolvedPool(['a.test:1'], names), 0);
    expect(order(one)).toBe('fd00::1 10.0.0.1 fd00::2 10.0.0.2 fd00::3');
    names.known['a.test'] = ['10.0.0.3', ...found];
    names.later();
    await one.resolve();
    expect(order(one)).toBe('10.0.0.3 fd00::1 10.0.0.1 fd00::2 10.0.0.2 fd00::3');
  });

  it('has no address that failed before one that did not, of whatever family they are', async () => {
    const found = ['fd00::1', '10.0.0.1', '10.0.0.2', '10.0.0.3'];
    const names = resolver({ 'a.test': found });
    const one = backendAt(await resolvedPool(['a.test:1'], names), 0);
    one.demote(v6('fd00::1'));
    expect(order(one)).toBe('10.0.0.1 10.0.0.2 10.0.0.3 fd00::1');
    one.demote(v4('10.0.0.1'));
    expect(order(one)).toBe('10.0.0.2 10.0.0.3 fd00::1 10.0.0.1');
    names.later();
    await one.resolve();
    expect(order(one)).toBe('10.0.0.2 10.0.0.3 fd00::1 10.0.0.1');
    names.known['a.test'] = ['fd00::2', ...found];
    names.later();
    await one.resolve();
    expect(order(one)).toBe('fd00::2 10.0.0.2 10.0.0.3 fd00::1 10.0.0.1');
  });

  it('has those that failed in the order in which they did, families taking turns', async () => {
    const names = resolver({ 'a.test': ['fd00::1', '10.0.0.1', '10.0.0.2'] });
    const one = backendAt(await resolvedPool(['a.test:1'], names), 0);
    for (const ip of ['10.0.0.1', '10.0.0.2']) one.demote(v4(ip));
    one.demote(v6('fd00::1'));
    expect(order(one)).toBe('10.0.0.1 fd00::1 10.0.0.2');
    one.demote(v4('10.0.0.1'));
    expect(order(one)).toBe('10.0.0.2 fd00::1 10.0.0.1');
    one.demote(v4('10.0.0.2'));
    expect(order(one)).toBe('fd00::1 10.0.0.1 10.0.0.2');
  });

  it('forgets that an address failed when it is not found any more', async () => {
    const names = resolver({ 'a.test': ['fd00::1', '10.0.0.1'] });
    const one = backendAt(await resolvedPool(['a.test:1'], names), 0);
    one.demote(v6('fd00::1'));
    names.known['a.test'] = ['10.0.0.1'];
    names.later();
    await one.resolve();
    names.known['a.test'] = ['10.0.0.1', 'fd00::1'];
    names.later();
    await one.resolve();
    expect(order(one)).toBe('fd00::1 10.0.0.1');
    one.demote(v4('10.0.0.1'));
    expect(order(one)).toBe('fd00::1 10.0.0.1');
  });
});

describe('a pool', () => {
  it('says when addresses come, go or change places, and only then', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1', '10.0.0.2'] });
    const changes: string[] = [];
    const onAddressesChanged = ({ row, addresses }: Backend) =>
      changes.push(`${row}:${addresses.map((to) => ('ip' in to ? to.ip : to.path)).join('+')}`);
    const pool = await resolvedPoolOf(['127.0.0.1:1', 'a.test:1'], { onAddressesChanged }, names);
    names.later();
    await backendAt(pool, 1).resolve();
    backendAt(pool, 1).demote(v4('10.0.0.1'));
    names.known['a.test'] = ['10.0.0.2'];
    names.later();
    await backendAt(pool, 1).resolve();
    expect(changes).toEqual(['1:10.0.0.1+10.0.0.2', '1:10.0.0.2+10.0.0.1', '1:10.0.0.2']);
  });

  it('looks a name up when more clients than before could not be served there', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const pool = await resolvedPool(['a.test:1'], names);
    for (const [failed, lookups] of [
      [0, 1],
      [3, 2],
      [3, 2],
      [4, 3],
    ] as const) {
      names.later();
      backendAt(pool, 0).noteFailedClients(failed);
      await new Promise((resolve) => setImmediate(resolve));
      expect(names.asked).toHaveLength(lookups);
    }
  });

  it('names the backends that a slow name server has not answered for', async () => {
    const lookup: Lookup = (name) =>
      name === 'slow.test'
        ? new Promise(() => {})
        : Promise.resolve([{ address: '::1', family: 6 }]);
    const names = ['127.0.0.1:1', 'slow.test:1', 'fast.test:1'];
    const pool = poolOf(names, {}, { lookup });
    expect((await resolveAll(pool.backends, 20)).map(({ name }) => name)).toEqual(['slow.test:1']);
    expect(backendAt(pool, 2).addresses).toHaveLength(1);
  });
});

describe('a route of a pool with a queue', () => {
  /** Two backends; the clock stands still but for `time.now`. */
  function start(options: TestPoolOptions = {}) {
    const time = { now: 0 };
    const addresses = ['127.0.0.1:1', '127.0.0.1:2'];
    const clock = { now: () => time.now };
    const pool = poolOf(addresses, {}, clock, { queueLength: 5, ...options });
    return { time, pool, route: new PoolRoute(pool, inOrder(pool)) };
  }

  it('tries a backend again that has failed its client before it waited', () => {
    const { time, pool } = start();
    const route = new PoolRoute(pool, (tried) => pool.backends.find((one) => !tried.has(one)));
    expect(route.next()).toBe(0);
    route.attemptFailed();
    expect(route.next()).toBe(1);
    expect(route.next()).toBe('queue');
    // A moment ago.
    time.now = 999;
    expect(route.next('turn')).toBe(1);
    expect(route.next()).toBe('queue');
    time.now = 1000;
    expect(route.next('turn')).toBe(0);
    expect(route.next()).toBe(1);
  });

  it('has nobody wait where no backend is up, also where those that are down are tried', () => {
    const { pool, route } = start({ triesDown: true });
    for (const backend of pool.backends) backend.configure(backend.config, { health: 'down' });
    expect([route.next(), route.next(), route.next()]).toEqual([0, 1, undefined]);
  });

  it('has a client that comes wait behind those who wait', () => {
    expect(start({ waiting: () => 1 }).route.next()).toBe('queue');
  });

  it('has nobody who comes wait where the queue was taken away from those who wait', () => {
    expect(start({ waiting: () => 1, queueLength: 0 }).route.next()).toBe(0);
  });

  it('looks at no queue where its pool is removed, whose number may be another', () => {
    const { pool, route } = start({ waiting: () => 1 });
    pool.replace(pool.settings, []);
    expect(route.next()).toBeUndefined();
  });
});
