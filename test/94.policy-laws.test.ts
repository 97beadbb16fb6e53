/** What each policy that is built in picks, beside round-robin and source-hash. */
import { describe, expect, it } from 'vitest';
import { randomFrom } from '../scripts/lib/random.js';
import { DRAWS_MAX, EXACT_MAX } from '../src/policy/tier.js';
import {
  backendsOf,
  client,
  none,
  picks,
  policyOf,
  shares,
  type TestBackend,
} from './helpers/policies.js';

/** The same numbers each time, from 0 to 1. */
const randomOf = (seed: string) => {
  const source = randomFrom(seed);
  return () => source.between(0, 999_999) / 1_000_000;
};

/** Sessions that come and stay. */
function fill(
  policy: ReturnType<typeof policyOf>,
  backends: readonly TestBackend[],
  sessions: number,
): number[] {
  for (let session = 0; session < sessions; session++) {
    const backend = backends[policy.pick(none, client) ?? -1];
    if (backend !== undefined) backend.open += 1;
  }
  return backends.map(({ open }) => open);
}

describe('least-connections', () => {
  it('picks the one with the fewest sessions for its weight, one more counted', () => {
    const random = randomFrom('loads');
    const backends = backendsOf(
      Array.from({ length: 7 }, () => ({ weight: random.between(1, 9) })),
    );
    const policy = policyOf('least-connections', backends);
    const loadOf = ({ open, weight }: TestBackend) => (open + 1) / weight;
    for (let round = 0; round < 1000; round++) {
      for (const backend of backends) {
        backend.open = random.between(0, 20);
        backend.isUp = random.between(0, 3) > 0;
      }
      const up = backends.filter(({ isUp }) => isUp);
      const picked = backends[policy.pick(none, client) ?? -1];
      if (up.length === 0) expect(picked).toBeUndefined();
      else {
        expect(picked?.isUp).toBe(true);
        expect(loadOf(picked as TestBackend)).toBe(Math.min(...up.map(loadOf)));
      }
    }
  });

  it('gives shares by weight of sessions that stay', () => {
    const backends = backendsOf([{ weight: 5 }, { weight: 1 }, { weight: 4 }]);
    expect(fill(policyOf('least-connections', backends), backends, 1000)).toEqual([500, 100, 400]);
  });

  it('takes turns among equals, so that an idle pool is used evenly', () => {
    const policy = policyOf('least-connections', backendsOf([{}, {}, {}]));
    expect(picks(policy, 7)).toBe('abcabca');
  });

  it('catches up with a backend that is new', () => {
    const backends = backendsOf([{ open: 10 }, { open: 10 }, {}]);
    expect(fill(policyOf('least-connections', backends), backends, 10)).toEqual([10, 10, 10]);
  });

  it(`is exact to ${EXACT_MAX} backends, and close beyond that`, () => {
    const exact = backendsOf(Array.from({ length: EXACT_MAX }, () => ({})));
    const counts = fill(policyOf('least-connections', exact), exact, 10 * EXACT_MAX);
    expect(new Set(counts)).toEqual(new Set([10]));
    const many = backendsOf(Array.from({ length: 1000 }, () => ({})));
    const random = randomOf('many');
    const loads = fill(policyOf('least-connections', many, { random }), many, 10_000);
    expect(Math.max(...loads)).toBeLessThanOrEqual(12);
    expect(Math.min(...loads)).toBeGreaterThanOrEqual(5);
  });

  it('finds the one of a thousand that is up', () => {
    const backends = backendsOf(
      Array.from({ length: 1000 }, (_, index) => ({ isUp: index === 777 })),
    );
    expect(policyOf('least-connections', backends).pick(none, client)).toBe(777);
  });
});

describe('random', () => {
  const drawn = (numbers: number[]) => () => numbers.shift() ?? 0;

  it('draws two that differ, and picks the less loaded for its weight, or else the first', () => {
    const backends = backendsOf([{ open: 3 }, { open: 2 }, { open: 1 }, { open: 3 }]);
    const pick = (...places: number[]) =>
      policyOf('random', backends, { random: drawn(places.map((place) => place / 4)) }).pick(
        none,
        client,
      );
    expect(pick(0, 1, 2)).toBe(1);
    expect(pick(0, 0, 0, 2)).toBe(2);
    expect(pick(0, 3)).toBe(0);
    expect(pick(3, 0)).toBe(3);
  });

  it('draws by weight', () => {
    const backends = backendsOf([{ weight: 6 }, { weight: 3 }, { weight: 1 }]);
    const policy = policyOf('random', backends, { random: randomOf('weights') });
    const counts = shares(picks(policy, 10_000));
    for (const [letter, share] of Object.entries({ a: 6000, b: 3000, c: 1000 })) {
      // Five times what chance makes of it.
      expect(Math.abs((counts[letter] ?? 0) - share)).toBeLessThan(250);
    }
  });

  it('keeps sessions that stay closer together than one draw would', () => {
    const backends = backendsOf(Array.from({ length: 100 }, () => ({})));
    const loads = fill(policyOf('random', backends, { random: randomOf('two') }), backends, 10_000);
    // With one draw the fullest has about 125.
    expect(Math.max(...loads)).toBeLessThan(105);
  });

  it(`goes on to the next one when ${DRAWS_MAX} draws meet nobody who is up`, () => {
    const backends = backendsOf([{ isUp: false }, { isUp: false }, {}, { isUp: false }]);
    expect(policyOf('random', backends, { random: () => 0 }).pick(none, client)).toBe(2);
    expect(policyOf('random', backends, { random: () => 0.9 }).pick(none, client)).toBe(2);
  });
});

describe('first', () => {
  it('picks the first of the list, whatever its weight, and the next when that has not answered', () => {
    const policy = policyOf('first', backendsOf([{}, { weight: 9 }, {}]));
    expect(picks(policy, 5)).toBe('aaaaa');
    expect(picks(policy, 2, new Set([0]))).toBe('bb');
    expect(picks(policy, 2, new Set([0, 1]))).toBe('cc');
  });

  it('passes over who is down, and comes back', () => {
    const backends = backendsOf([{}, {}]);
    const policy = policyOf('first', backends);
    const [first] = backends as [TestBackend];
    first.isUp = false;
    expect(picks(policy, 2)).toBe('bb');
    first.isUp = true;
    expect(picks(policy, 2)).toBe('aa');
  });
});

describe('round-robin', () => {
  it('spreads the clients of a backend that is down over the others by their weights', () => {
    const backends = backendsOf([{ weight: 4 }, { weight: 2 }, { weight: 1 }]);
    const policy = policyOf('round-robin', backends);
    (backends[0] as TestBackend).isUp = false;
    expect(shares(picks(policy, 2100))).toEqual({ b: 1400, c: 700 });
    (backends[0] as TestBackend).isUp = true;
    expect(picks(policy, 7)).toBe('abacaba');
  });

  it('goes on where the one before had come to', () => {
    const before = policyOf('round-robin', backendsOf([{}, {}, {}, {}]));
    expect(picks(before, 2)).toBe('ab');
    const { turn } = before;
    expect(picks(policyOf('round-robin', backendsOf([{}, {}, {}, {}]), { turn }), 3)).toBe('cda');
  });
});

describe.each(['round-robin', 'least-connections', 'random', 'first', 'source-hash'] as const)(
  'priorities and health, with %s',
  (name) => {
    const tiered = () =>
      backendsOf([{ priority: 1 }, {}, {}, { priority: 7 }]) as [
        TestBackend,
        TestBackend,
        TestBackend,
        TestBackend,
      ];
    const pickedOf = (policy: ReturnType<typeof policyOf>, tried = none) => {
      const counts = Object.keys(shares(picks(policy, 60, tried)));
      return counts.sort().join('');
    };
    /** One client of a hash goes to one backend. */
    const some = (letters: string) =>
      name === 'source-hash' || name === 'first' ? 1 : letters.length;

    it('uses the lowest priority while one of it can be used', () => {
      const [a, b, c, d] = tiered();
      const policy = policyOf(name, [a, b, c, d]);
      expect(pickedOf(policy)).toMatch(/^[bc]+$/);
      expect(pickedOf(policy)).toHaveLength(some('bc'));
      b.isUp = false;
      expect(pickedOf(policy)).toBe('c');
      c.isReady = false;
      expect(pickedOf(policy)).toBe('a');
      expect(pickedOf(policy, new Set([0]))).toBe('d');
      a.isUp = false;
      d.isReady = false;
      expect(pickedOf(policy)).toBe('-');
      c.isReady = true;
      expect(pickedOf(policy)).toBe('c');
    });

    it('goes on to the next priority for a client whom all of the first have failed', () => {
      const policy = policyOf(name, tiered());
      expect(pickedOf(policy, new Set([1, 2]))).toBe('a');
      expect(pickedOf(policy, new Set([1, 2, 0]))).toBe('d');
      expect(pickedOf(policy, new Set([0, 1, 2, 3]))).toBe('-');
    });

    it('picks one that is down only where none is up, and only if it is to', () => {
      for (const triesDown of [false, true]) {
        const backends = tiered();
        const policy = policyOf(name, backends, { triesDown });
        for (const backend of backends) backend.isUp = backend.priority === 7;
        // One that is up has failed this client: whoever is down is not better.
        expect(pickedOf(policy, new Set([3]))).toBe('-');
        backends[3].isUp = false;
        expect(pickedOf(policy)).toMatch(triesDown ? /^[bc]+$/ : /^-$/);
        // Who takes no sessions is no choice even then.
        backends[1].isReady = false;
        expect(pickedOf(policy)).toBe(triesDown ? 'c' : '-');
      }
    });
  },
);
