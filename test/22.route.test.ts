/** The order in which backends are tried, and when names are looked up. */
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../src/config/address.js';
import type { BackendConfig } from '../src/config/types.js';
import { type Lookup, Pool } from '../src/proxy/pool.js';
import { type Pick, PoolRoute } from '../src/proxy/route.js';

const backend = (name: string): BackendConfig => ({
  name,
  address: parseAddress(name, 'backend'),
  weight: 1,
});

const inOrder =
  (count: number): Pick =>
  (tried) =>
    tried.size < count ? tried.size : undefined;

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

/** The addresses of every target that the route gives. */
async function all(route: PoolRoute): Promise<string[]> {
  const targets: string[] = [];
  for (let target = await route.next(); target !== undefined; target = await route.next()) {
    const addresses = target.addresses.map((to) => (to.kind === 'tcp' ? to.ip : to.path));
    targets.push(`${target.backend}:${addresses.join('+')}`);
  }
  return targets;
}

/** A pool whose resolver is the given one, and whose first lookups are done. */
async function resolvedPool(
  names: readonly string[],
  { lookup, now }: ReturnType<typeof resolver>,
  failed: string[] = [],
): Promise<Pool> {
  const onResolveFailed = ({ name }: { name: string }) => failed.push(name);
  const pool = new Pool(names.map(backend), { onResolveFailed }, { lookup, now });
  await pool.resolveAll(0);
  return pool;
}

describe('a route', () => {
  it('gives each backend once, without a lookup for literals', async () => {
    const names = resolver({});
    const pool = await resolvedPool(['127.0.0.1:1', '[::1]:2', 'unix:/x.sock'], names);
    const route = new PoolRoute(pool, inOrder(3), 0);
    expect(await all(route)).toEqual(['0:127.0.0.1', '1:::1', '2:/x.sock']);
    expect(await all(route)).toEqual([]);
    expect(names.asked).toEqual([]);
  });

  it('answers at once, without a promise, when nothing needs to be looked up', () => {
    const pool = new Pool([backend('127.0.0.1:1')], { onResolveFailed: () => {} });
    const route = new PoolRoute(pool, inOrder(1), 0);
    expect(route.next()).toMatchObject({ backend: 0 });
    expect(route.next()).toBeUndefined();
  });

  it('tries a name once more, after all others, when it has moved', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'] });
    const pool = await resolvedPool(['a.test:1', 'b.test:1'], names);
    const route = new PoolRoute(pool, inOrder(2), 0);
    names.known['a.test'] = ['10.0.0.1', '10.0.0.9'];
    names.later();
    // What is new comes first.
    expect(await all(route)).toEqual(['0:10.0.0.1', '1:10.0.0.2', '0:10.0.0.9+10.0.0.1']);
  });

  it('does not try a name again whose addresses only changed places', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1', '10.0.0.2'] });
    const pool = await resolvedPool(['a.test:1'], names);
    const route = new PoolRoute(pool, inOrder(1), 0);
    names.known['a.test'] = ['10.0.0.2', '10.0.0.1'];
    names.later();
    expect(await all(route)).toEqual(['0:10.0.0.1+10.0.0.2']);
    expect(names.asked).toHaveLength(2);
  });

  it('passes over a name that does not resolve, and keeps what it resolved to before', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const failed: string[] = [];
    const pool = await resolvedPool(['gone.test:1', 'a.test:1'], names, failed);
    expect(failed).toEqual(['gone.test:1']);
    delete names.known['a.test'];
    for (let client = 0; client < 2; client++) {
      names.later();
      expect(await all(new PoolRoute(pool, inOrder(2), 0))).toEqual(['1:10.0.0.1']);
    }
    expect(names.asked).toHaveLength(6);
  });

  it('counts clients that found no address, not lookups', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const pool = await resolvedPool(['gone.test:1', 'a.test:1'], names);
    expect(pool.backend(0).unresolvedClients).toBe(0);
    names.later();
    // Together, so that they share one lookup; and one more that comes too early for another.
    await Promise.all([1, 2, 3].map(() => all(new PoolRoute(pool, inOrder(2), 0))));
    await all(new PoolRoute(pool, inOrder(2), 0));
    expect(pool.backend(0).unresolvedClients).toBe(4);
    expect(pool.backend(1).unresolvedClients).toBe(0);
    expect(names.asked.filter((name) => name === 'gone.test')).toHaveLength(2);
  });

  it('does not look a name up for a target that has not failed', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const pool = await resolvedPool(['a.test:1'], names);
    names.later();
    const route = new PoolRoute(pool, inOrder(1), 0);
    expect(await route.next()).toMatchObject({ backend: 0 });
    expect(names.asked).toHaveLength(1);
    await route.next();
    expect(names.asked).toHaveLength(2);
  });

  it('does not wait longer for a resolver than it may', async () => {
    const lookup: Lookup = () => new Promise(() => {});
    const pool = new Pool([backend('slow.test:1')], { onResolveFailed: () => {} }, { lookup });
    expect(await all(new PoolRoute(pool, inOrder(1), 20))).toEqual([]);
  });
});

describe('a backend', () => {
  it('has one lookup in flight, however many ask', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const one = (await resolvedPool(['a.test:1'], names)).backend(0);
    names.later();
    await Promise.all(Array.from({ length: 1000 }, () => one.resolve()));
    expect(names.asked).toHaveLength(2);
  });

  it('is looked up once a second at most, and less often while that fails', async () => {
    const names = resolver({ 'a.test': ['10.0.0.1'] });
    const one = (await resolvedPool(['a.test:1'], names)).backend(0);
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
    const one = (await resolvedPool(['a.test:1'], names)).backend(0);
    const order = () => one.addresses.map((to) => (to.kind === 'tcp' ? to.ip : to.path)).join(' ');
    one.demote({ kind: 'tcp', ip: '10.0.0.1', port: 1, family: 4 });
    expect(order()).toBe('10.0.0.2 10.0.0.3 10.0.0.1');
    one.demote({ kind: 'tcp', ip: '10.9.9.9', port: 1, family: 4 });
    expect(order()).toBe('10.0.0.2 10.0.0.3 10.0.0.1');
    names.known['a.test'] = ['10.0.0.1', '10.0.0.4', '10.0.0.2'];
    names.later();
    await one.resolve();
    expect(order()).toBe('10.0.0.4 10.0.0.2 10.0.0.1');
  });
});

describe('a pool', () => {
  it('names the backends that a slow name server has not answered for', async () => {
    const lookup: Lookup = (name) =>
      name === 'slow.test'
        ? new Promise(() => {})
        : Promise.resolve([{ address: '::1', family: 6 }]);
    const names = ['127.0.0.1:1', 'slow.test:1', 'fast.test:1'];
    const pool = new Pool(names.map(backend), { onResolveFailed: () => {} }, { lookup });
    expect((await pool.resolveAll(20)).map(({ name }) => name)).toEqual(['slow.test:1']);
    expect(pool.backend(2).addresses).toHaveLength(1);
  });
});
