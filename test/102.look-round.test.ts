/** What it costs to find out who is left of a large pool. */
import { describe, expect, it } from 'vitest';
import type { Backend } from '../src/pool/backend.js';
import { PoolEjections } from '../src/pool/health/pool-ejections.js';
import { LookRound } from '../src/pool/look-round.js';

const poolOf = (count: number) => ({
  backends: Array.from({ length: count }, (_, row) => ({ row }) as Backend),
});

describe('a look round a pool', () => {
  it.each([
    [0, true],
    [3, true],
    [4, false],
  ])('finds %i of three: %s', (count, isThere) => {
    const good = new Set([1, 4, 5]);
    expect(new LookRound().finds(count, poolOf(6), ({ row }) => good.has(row))).toBe(isThere);
  });

  it('goes on where the pool has become smaller', () => {
    const round = new LookRound();
    expect(round.finds(1, poolOf(9), ({ row }) => row === 8)).toBe(true);
    expect(round.finds(1, poolOf(2), ({ row }) => row === 1)).toBe(true);
  });

  it.each([
    ['from the first to the last', (down: number, all: number) => (down < all ? down : -1)],
    ['from the last to the first', (down: number, all: number) => all - 1 - down],
  ])('costs a few looks for each backend of 10,000 that go down %s', (_, order) => {
    const pool = poolOf(10_000);
    const up = new Set(pool.backends.map(({ row }) => row));
    const round = new LookRound();
    let looks = 0;
    for (let down = 0; down < 10_000; down++) {
      up.delete(order(down, 10_000));
      const isLeft = round.finds(1, pool, ({ row }) => {
        looks += 1;
        return up.has(row);
      });
      expect(isLeft).toBe(up.size > 0);
    }
    expect(looks).toBeLessThan(4 * 10_000);
  });
});

describe('ejections of a pool', () => {
  it('are half of it at most, and never of the last one that serves', () => {
    const pool = poolOf(4);
    const [a, b, c] = pool.backends as [Backend, Backend, Backend];
    const ejections = new PoolEjections();
    const serves = (other: Backend) => other !== b;
    expect(ejections.mayEject(a, pool, serves)).toBe(true);
    expect(ejections.mayEject(a, pool, () => false)).toBe(false);
    expect(ejections.mayEject(a, pool, (other) => other === a)).toBe(false);
    ejections.add(a);
    ejections.add(b);
    expect(ejections.mayEject(c, pool, serves)).toBe(false);
    ejections.delete(a);
    expect(ejections.mayEject(c, pool, serves)).toBe(true);
  });

  it('are looked for again a moment after none could be', () => {
    const ejections = new PoolEjections();
    ejections.deny(1000);
    expect([1000, 1099, 1100].map((now) => ejections.wereJustDenied(now))).toEqual([
      true,
      true,
      false,
    ]);
  });
});
