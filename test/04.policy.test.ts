import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { randomFrom } from '../scripts/lib/random.js';
import { CustomPolicy } from '../src/policy/custom.js';
import type { PickContext, PickFunction } from '../src/policy/pick-function.js';
import { policies, policyNames } from '../src/policy/registry.js';
import { SmoothOrder } from '../src/policy/smooth-order.js';
import { backendsOf, client, hash, none, picks, policyOf, shares } from './helpers/policies.js';

const roundRobin = (weights: readonly number[]) =>
  policyOf('round-robin', backendsOf(weights.map((weight) => ({ weight }))));
const cycleOf = (weights: readonly number[]) =>
  roundRobin(weights).plan.tiers[0] ?? new Uint16Array();

describe.each(policyNames)('whatever is built in: %s', (name) => {
  const weights = [3, 1, 2];
  const indexes = [...weights.keys()];
  const backends = backendsOf(weights.map((weight) => ({ weight })));

  it('picks one that was not tried, and none when all were', () => {
    const policy = policyOf(name, backends);
    for (const first of indexes) {
      for (const second of indexes) {
        const tried = new Set([first, second]);
        const left = indexes.filter((index) => !tried.has(index));
        for (let round = 0; round < 10; round++) expect(left).toContain(policy.pick(tried, client));
      }
    }
    expect(policy.pick(new Set(indexes), client)).toBeUndefined();
  });

  it('has each backend in one tier, by priority', () => {
    const many = backendsOf([{ priority: 3 }, {}, { priority: 255 }, { priority: 3 }, {}]);
    const { tiers } = policies[name].plan(many, hash);
    expect(tiers.map((cycle) => [...new Set(cycle)].sort())).toEqual([[1, 4], [0, 3], [2]]);
  });

  it('says in a few words what it does', () => {
    expect(policies[name].description).toMatch(/^[a-z].*[^.]$/);
  });
});

describe('round-robin', () => {
  it('takes turns, in the order of the pool', () => {
    expect(picks(roundRobin([1, 1, 1]), 7)).toBe('abcabca');
  });

  it('spreads a heavy backend over the cycle: 5:1:1 is not five in a row', () => {
    expect(picks(roundRobin([5, 1, 1]), 14)).toBe('aabacaaaabacaa');
  });

  it.each([[[3, 2]], [[7, 3, 1]], [[1000, 1]], [[4, 4, 4, 1]], [[1, 2, 3, 4, 5, 6, 7, 8]]])(
    'gives exact shares in each cycle of %j',
    (weights) => {
      const policy = roundRobin(weights);
      const cycle = weights.reduce((sum, weight) => sum + weight, 0);
      for (let round = 0; round < 3; round++) {
        expect(Object.values(shares([...picks(policy, cycle)].sort().join('')))).toEqual(weights);
      }
    },
  );

  it('never picks what was tried, and says when all were', () => {
    const policy = roundRobin([5, 1, 1]);
    expect(policy.pick(new Set([0]), client)).toBe(1);
    expect(policy.pick(new Set([0, 1]), client)).toBe(2);
    expect(policy.pick(new Set([0, 1, 2]), client)).toBeUndefined();
    expect(roundRobin([1]).pick(none, client)).toBe(0);
  });

  it('keeps the order of first picks whatever fails', () => {
    const policy = roundRobin([5, 1, 1]);
    let first = '';
    for (let session = 0; session < 14; session++) {
      const pick = policy.pick(none, client) ?? -1;
      first += 'abc'[pick];
      if (pick === 0) policy.pick(new Set([0]), client);
    }
    expect(first).toBe('aabacaaaabacaa');
  });

  it('spreads the sessions of a failed backend over the others by their weights', () => {
    const policy = roundRobin([4, 2, 1]);
    const served = { b: 0, c: 0 };
    for (let session = 0; session < 2100; session++) {
      let pick = policy.pick(none, client);
      if (pick === 0) pick = policy.pick(new Set([0]), client);
      served[pick === 1 ? 'b' : 'c'] += 1;
    }
    expect(served).toEqual({ b: 1400, c: 700 });
  });

  it('does not carry a failure over once the backend is back', () => {
    const policy = roundRobin([2, 1]);
    for (let session = 0; session < 30; session++) {
      if (policy.pick(none, client) === 0) policy.pick(new Set([0]), client);
    }
    expect(picks(policy, 6)).toBe('abaaba');
  });

  it.each([[[1]], [[1, 1, 1]], [[5, 1, 1]], [[4, 2]], [[300, 200, 100]], [[7, 3, 1]]])(
    'publishes the order of %j as one cycle of the smallest length',
    (weights) => {
      const cycle = [...cycleOf(weights)];
      const divisor = weights.find((weight) => weights.every((other) => other % weight === 0)) ?? 1;
      expect(cycle).toHaveLength(weights.reduce((sum, weight) => sum + weight, 0) / divisor);
      const letters = cycle.map((index) => 'abcdefgh'[index]).join('');
      expect(letters + letters).toBe(picks(roundRobin(weights), 2 * cycle.length));
    },
  );

  it('does not publish more than 65,536 entries, and leaves nobody out', () => {
    const weights = [...Array.from({ length: 99 }, (_, index) => 901 + index), 1];
    const policy = roundRobin(weights);
    const cycle = cycleOf(weights);
    expect(cycle.length).toBeGreaterThan(65_000);
    expect(cycle.length).toBeLessThanOrEqual(65_536);
    expect(new Set(cycle).size).toBe(weights.length);
    // Picked one by one, the order is the same.
    const first = Array.from({ length: 1000 }, () => policy.pick(none, client));
    expect(first).toEqual([...cycle.subarray(0, 1000)]);
  });
});

/** As nginx has it: a look at all of them for each pick. */
function plainOrder(weights: readonly number[], count: number): number[] {
  const credits = weights.map(() => 0);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from({ length: count }, () => {
    for (const [index, weight] of weights.entries())
      credits[index] = (credits[index] ?? 0) + weight;
    const best = credits.indexOf(Math.max(...credits));
    credits[best] = (credits[best] ?? 0) - total;
    return best;
  });
}

describe('the order of smooth weighted round-robin', () => {
  const random = randomFrom('weights');
  const upTo = (most: number) => random.between(1, most);

  it('is that of the algorithm that looks at all of them', () => {
    for (let round = 0; round < 300; round++) {
      const most = [1, 2, 5, 100][round % 4] ?? 1;
      const weights = Array.from({ length: upTo(12) }, () => upTo(most));
      const order = new SmoothOrder(weights);
      // Twice round, and a little.
      const count = 2 * order.length + 5;
      const actual = Array.from({ length: count }, () => order.next());
      expect(actual, JSON.stringify(weights)).toEqual(plainOrder(weights, count));
    }
  });

  it.each([
    ['equal', () => 1],
    ['random', () => upTo(1000)],
    ['as many different as fit', (index: number) => (index < 333 ? index + 1 : 1)],
    ['one heavy among light', (index: number) => (index === 5000 ? 1000 : 1)],
  ])('takes a few matches a pick for 10,000 backends with %s weights', (_, weightOf) => {
    const cycle = cycleOf(Array.from({ length: 10_000 }, (_, index) => weightOf(index)));
    const weights = new Array<number>(10_000).fill(0);
    for (const index of cycle) weights[index] = (weights[index] ?? 0) + 1;
    const order = new SmoothOrder(weights);
    const total = order.length;
    // Nobody is far from its share, at any time, and so in any window: within `2 * most`.
    const picks = new Uint32Array(weights.length);
    let most = 0;
    for (let time = 1; time <= total; time++) {
      const index = order.next();
      const before = picks[index] ?? 0;
      picks[index] = before + 1;
      // A backend is farthest from its share just before it is picked, and just after.
      const share = ((weights[index] ?? 0) * time) / total;
      most = Math.max(most, Math.abs(share - before), Math.abs(share - before - 1));
    }
    expect([...picks]).toEqual(weights);
    expect(most).toBeLessThan(4);
    expect(order.matches).toBeLessThan(total * Math.log2(weights.length));
  });
});

describe('a policy written as a function', () => {
  const common = { priority: 0, tags: {}, health: 'up' } as const;
  const backends = [
    { ...common, name: 'a', address: '192.0.2.2:1', weight: 1, open: 0 },
    { ...common, name: 'b', address: '192.0.2.3:1', weight: 2, open: 7 },
  ];
  const custom = (pick: PickFunction) => new CustomPolicy(pick, backends);
  const nonsense: [unknown, string][] = [
    [2, '2'],
    [-1, '-1'],
    [0.5, '0.5'],
    [Number.NaN, 'NaN'],
    ['0', 'a value of type string'],
    [null, 'a value of type object'],
  ];

  it('is told of the client, of the backends and of what was tried', () => {
    const contexts: PickContext[] = [];
    const policy = custom((context) => {
      contexts.push(context);
      return context.backends.findIndex(({ open }) => open > 0);
    });
    expect(policy.pick(new Set([0]), client)).toBe(1);
    expect(contexts).toEqual([{ ...client, backends, tried: new Set([0]) }]);
  });

  it('may want none of the backends, and may promise its answer', async () => {
    expect(custom(() => undefined).pick(none, client)).toBeUndefined();
    await expect(custom(async () => 1).pick(none, client)).resolves.toBe(1);
    await expect(custom(async () => undefined).pick(none, client)).resolves.toBeUndefined();
  });

  it.each(nonsense)('is told that %j is no pick, at once or promised', async (picked, shown) => {
    const error = expect.objectContaining({
      code: 'ERR_SPLICEWAY_INVALID_PICK',
      message: expect.stringContaining(`picked ${shown}, which is not an index from 0 to 1`),
    });
    expect(() => custom(() => picked as number).pick(none, client)).toThrow(error);
    await expect(custom(async () => picked as number).pick(none, client)).rejects.toEqual(error);
  });

  it('is told that it picked what has failed already', () => {
    expect(() => custom(() => 0).pick(new Set([0]), client)).toThrow(/0, which has failed/);
  });

  it('fails as its promise does', async () => {
    const mistake = new Error('a mistake');
    const policy = custom(() => Promise.reject(mistake));
    await expect(policy.pick(none, client)).rejects.toBe(mistake);
  });
});

describe('docs/ARCHITECTURE.md says truly that', () => {
  it('folders of the core use those below them', () => {
    const core = fileURLToPath(new URL('../native/core', import.meta.url));
    const levels = [
      ['sys'],
      ['loop', 'stats'],
      ['select', 'relay'],
      ['session', 'listen'],
      ['engine'],
    ];
    const levelOf = (folder = '') => levels.findIndex((level) => level.includes(folder));
    expect(new Set(readdirSync(core))).toEqual(new Set(levels.flat()));
    for (const file of readdirSync(core, { recursive: true, encoding: 'utf8' })) {
      const [folder, name] = file.split('/');
      if (name === undefined) continue;
      const text = readFileSync(path.join(core, file), 'utf8');
      for (const [, used] of text.matchAll(/#include "(\w+)\//g)) {
        const isBelow = used === folder || levelOf(used) < levelOf(folder);
        expect(isBelow, `${file} uses ${used}`).toBe(true);
      }
    }
  });
});
