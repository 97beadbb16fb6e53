import { describe, expect, it } from 'vitest';
import { createPolicy, type Policy } from '../src/policy/policy.js';

const none: ReadonlySet<number> = new Set();

function picks(policy: Policy, count: number, tried = none): string {
  const letters = Array.from({ length: count }, () => 'abcdefgh'[policy.pick(tried) ?? -1] ?? '-');
  return letters.join('');
}

function shares(sequence: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const letter of sequence) counts[letter] = (counts[letter] ?? 0) + 1;
  return counts;
}

describe('round-robin', () => {
  it('takes turns, in the order of the pool', () => {
    expect(picks(createPolicy('round-robin', [1, 1, 1]), 7)).toBe('abcabca');
  });

  it('spreads a heavy backend over the cycle: 5:1:1 is not five in a row', () => {
    expect(picks(createPolicy('round-robin', [5, 1, 1]), 14)).toBe('aabacaaaabacaa');
  });

  it.each([[[3, 2]], [[7, 3, 1]], [[1000, 1]], [[4, 4, 4, 1]], [[1, 2, 3, 4, 5, 6, 7, 8]]])(
    'gives exact shares in each cycle of %j',
    (weights) => {
      const policy = createPolicy('round-robin', weights);
      const cycle = weights.reduce((sum, weight) => sum + weight, 0);
      for (let round = 0; round < 3; round++) {
        expect(Object.values(shares([...picks(policy, cycle)].sort().join('')))).toEqual(weights);
      }
    },
  );

  it('never picks what was tried, and says when all were', () => {
    const policy = createPolicy('round-robin', [5, 1, 1]);
    expect(policy.pick(new Set([0]))).toBe(1);
    expect(policy.pick(new Set([0, 1]))).toBe(2);
    expect(policy.pick(new Set([0, 1, 2]))).toBeUndefined();
    expect(createPolicy('round-robin', [1]).pick(none)).toBe(0);
  });

  it('keeps the order of first picks whatever fails', () => {
    const policy = createPolicy('round-robin', [5, 1, 1]);
    let first = '';
    for (let session = 0; session < 14; session++) {
      const pick = policy.pick(none) ?? -1;
      first += 'abc'[pick];
      if (pick === 0) policy.pick(new Set([0]));
    }
    expect(first).toBe('aabacaaaabacaa');
  });

  it('spreads the sessions of a failed backend over the others by their weights', () => {
    const policy = createPolicy('round-robin', [4, 2, 1]);
    const served = { b: 0, c: 0 };
    for (let session = 0; session < 2100; session++) {
      let pick = policy.pick(none);
      if (pick === 0) pick = policy.pick(new Set([0]));
      served[pick === 1 ? 'b' : 'c'] += 1;
    }
    expect(served).toEqual({ b: 1400, c: 700 });
  });

  it('does not carry a failure over once the backend is back', () => {
    const policy = createPolicy('round-robin', [2, 1]);
    for (let session = 0; session < 30; session++) {
      if (policy.pick(none) === 0) policy.pick(new Set([0]));
    }
    expect(picks(policy, 6)).toBe('abaaba');
  });
});
