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
  return { known, asked, lookup };
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

describe('a route', () => {
  it('gives each backend once, without a lookup for literals', async () => {
    const { lookup, asked } = resolver({});
    const names = ['127.0.0.1:1', '[::1]:2', 'unix:/x.sock'];
    const pool = new Pool(names.map(backend), { onResolveFailed: () => {} }, lookup);
    await pool.resolveAll();
    const route = new PoolRoute(pool, inOrder(3), 0);
    expect(await all(route)).toEqual(['0:127.0.0.1', '1:::1', '2:/x.sock']);
    expect(await all(route)).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('answers at once, without a promise, when nothing needs to be looked up', () => {
    const pool = new Pool([backend('127.0.0.1:1')], { onResolveFailed: () => {} });
    const route = new PoolRoute(pool, inOrder(1), 0);
    expect(route.next()).toMatchObject({ backend: 0 });
    expect(route.next()).toBeUndefined();
  });

  it('tries a name once more, after all others, when it has moved', async () => {
    const { known, lookup } = resolver({ 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'] });
    const pool = new Pool(
      [backend('a.test:1'), backend('b.test:1')],
      { onResolveFailed: () => {} },
      lookup,
    );
    await pool.resolveAll();
    const route = new PoolRoute(pool, inOrder(2), 0);
    known['a.test'] = ['10.0.0.9', '10.0.0.1'];
    expect(await all(route)).toEqual(['0:10.0.0.1', '1:10.0.0.2', '0:10.0.0.9+10.0.0.1']);
  });

  it('does not try a name again whose addresses only changed places', async () => {
    const { known, lookup } = resolver({ 'a.test': ['10.0.0.1', '10.0.0.2'] });
    const pool = new Pool([backend('a.test:1')], { onResolveFailed: () => {} }, lookup);
    await pool.resolveAll();
    const route = new PoolRoute(pool, inOrder(1), 0);
    known['a.test'] = ['10.0.0.2', '10.0.0.1'];
    expect(await all(route)).toEqual(['0:10.0.0.1+10.0.0.2']);
  });

  it('passes over a name that does not resolve, and keeps what it resolved to before', async () => {
    const { known, lookup } = resolver({ 'a.test': ['10.0.0.1'] });
    const failed: string[] = [];
    const pool = new Pool(
      [backend('gone.test:1'), backend('a.test:1')],
      { onResolveFailed: ({ name }) => failed.push(name) },
      lookup,
    );
    await pool.resolveAll();
    expect(failed).toEqual(['gone.test:1']);
    delete known['a.test'];
    expect(await all(new PoolRoute(pool, inOrder(2), 0))).toEqual(['1:10.0.0.1']);
    expect(await all(new PoolRoute(pool, inOrder(2), 0))).toEqual(['1:10.0.0.1']);
    expect(pool.backend(0).resolveFailures).toBe(3);
    expect(pool.backend(1).resolveFailures).toBe(0);
  });

  it('does not wait longer for a resolver than it may', async () => {
    const never: Lookup = () => new Promise(() => {});
    const pool = new Pool([backend('slow.test:1')], { onResolveFailed: () => {} }, never);
    expect(await all(new PoolRoute(pool, inOrder(1), 20))).toEqual([]);
  });
});

describe('a backend', () => {
  it('has one lookup in flight, however many ask', async () => {
    const { lookup, asked } = resolver({ 'a.test': ['10.0.0.1'] });
    const pool = new Pool([backend('a.test:1')], { onResolveFailed: () => {} }, lookup);
    const one = pool.backend(0);
    await Promise.all(Array.from({ length: 1000 }, () => one.resolve()));
    expect(asked).toHaveLength(1);
    await one.resolve();
    expect(asked).toHaveLength(2);
  });
});
