/** A short soak: real servers and clients, and nearly everything that can go wrong; see docs/soak.md. */
import { expect, test } from 'vitest';
import { missing } from '../../scripts/soak/services.js';
import { runSoak } from '../../scripts/soak/soak.js';
import { describeWhere } from './helpers/programs.js';

const needed = missing();

describeWhere(needed.length === 0, `apt-get install ${needed.join(' ')}`, 'a soak', () => {
  test('of half a minute loses no byte, no session and no descriptor', {
    timeout: 240_000,
  }, async () => {
    const result = await runSoak({ seconds: 30, seed: 'fixed', engine: 'native' });
    expect(result.failures).toEqual([]);
    expect(result.rests.map(({ open }) => open)).toEqual(result.rests.map(() => 0));
  });
});
