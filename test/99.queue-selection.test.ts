/** How often a pool is selected anew by changes of health, while clients wait for a place. */
import { describe, expect, it } from 'vitest';
import type { Pool } from '../src/pool/pool.js';
import { HealthEffects, type HealthEffectsHost } from '../src/proxy/health-effects.js';
import { backendAt, poolOf } from './helpers/pools.js';

/** Three backends, and a client who waits. */
function start() {
  const addresses = [1, 2, 3].map((port) => `127.0.0.1:${port}`);
  const pool = poolOf(addresses, {}, {}, { waiting: () => 1 });
  const selected: Pool[] = [];
  const host: Partial<HealthEffectsHost> = {
    poolOf: () => pool,
    tell: () => {},
    gained: () => {},
    lost: () => {},
    select: (one) => selected.push(one),
  };
  const effects = new HealthEffects(host as HealthEffectsHost);
  const change = (index: number, to: 'up' | 'down') => {
    const backend = backendAt(pool, index);
    backend.configure(backend.config, { health: to });
    const from = to === 'up' ? 'down' : 'up';
    effects.changed({ backend, from, to, isBack: to === 'up' } as never);
  };
  return { effects, change, selected };
}

describe('a pool that clients wait in', () => {
  it('is selected once a turn for all backends that take sessions again', async () => {
    const { effects, change, selected } = start();
    for (const index of [0, 1, 2]) change(index, 'up');
    await Promise.resolve();
    expect(selected).toHaveLength(1);
    // The last selection was a moment ago, and who waits does not have to.
    for (const index of [0, 1, 2]) change(index, 'up');
    await Promise.resolve();
    expect(selected).toHaveLength(2);
    effects.close();
  });

  it('is not selected at once for a backend that takes no sessions any more', async () => {
    const { effects, change, selected } = start();
    const before = performance.now();
    change(0, 'up');
    await Promise.resolve();
    change(0, 'down');
    await Promise.resolve();
    // On a machine that stands still between the two, the time between selections may be over.
    if (performance.now() - before < 100) expect(selected).toHaveLength(1);
    effects.close();
  });
});
