/** The policy source-hash: the same backend for the same client, on every machine. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { randomFrom } from '../scripts/lib/random.js';
import { clientHash } from '../src/policy/client-hash.js';
import { maglevTable } from '../src/policy/maglev.js';
import type { HashKey } from '../src/policy/plan.js';
import { policies } from '../src/policy/registry.js';
import { xxhash32 } from '../src/policy/xxhash32.js';
import { backendsOf, client, hash, none, policyOf } from './helpers/policies.js';
import { backendAt, poolOf } from './helpers/pools.js';

const SLOTS = 65_537;
const MORE_SLOTS = 655_373;

interface Weighted {
  readonly name: string;
  readonly weight: number;
}

const pool = (count: number, weightOf = (_: number) => 1): Weighted[] =>
  Array.from({ length: count }, (_, index) => ({ name: `db-${index}`, weight: weightOf(index) }));

/** The names in the slots. */
const namesIn = (backends: readonly Weighted[], slots = SLOTS) =>
  Array.from(maglevTable(backends, slots), (place) => backends[place]?.name ?? '');

function countsOf(table: Uint16Array, backends: number): number[] {
  const counts = new Array<number>(backends).fill(0);
  for (const place of table) counts[place] = (counts[place] ?? 0) + 1;
  return counts;
}

describe('xxHash32', () => {
  const text = (letters: string) => new TextEncoder().encode(letters);

  it.each([
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['abcd', 0xa3643705],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ])('of %j is that of others', (letters, expected) => {
    expect(xxhash32(text(letters))).toBe(expected);
  });

  it.each([
    [0, 0x02cc5d05],
    [1, 0xcf65b03e],
    [14, 0x1208e7e2],
    [222, 0x5bd11dbd],
  ])('of %i bytes is that of its own test program', (length, expected) => {
    // As in tests/sanity_test.c of xxHash.
    let generator = 2_654_435_761n;
    const bytes = Uint8Array.from({ length }, () => {
      const byte = Number(generator >> 56n);
      generator = BigInt.asUintN(64, generator * 11_400_714_785_074_694_797n);
      return byte;
    });
    expect(xxhash32(bytes)).toBe(expected);
  });
});

describe('the hash of a client', () => {
  const of = (address: string, key: Partial<HashKey> = {}, port = 4000) =>
    clientHash({ address, port }, { ...hash.key, ...key });
  const bytes = (...values: number[]) => xxhash32(Uint8Array.from(values));

  it('is that of the bytes of its address', () => {
    expect(of('192.0.2.1')).toBe(bytes(192, 0, 2, 1));
    const zeros = Array<number>(9).fill(0);
    const v6 = [0x20, 0x01, 0x0d, 0xb8, ...zeros, 1, 0xab, 0xcd];
    expect(of('2001:db8::1:abcd')).toBe(bytes(...v6));
    expect(of('2001:0DB8:0:0:0:0:1:abcd')).toBe(bytes(...v6));
    expect(of('::')).toBe(bytes(...Array<number>(16).fill(0)));
    expect(of('1::')).toBe(bytes(0, 1, ...Array<number>(14).fill(0)));
    expect(of('64:ff9b::192.0.2.1')).toBe(
      bytes(0, 0x64, 0xff, 0x9b, ...zeros.slice(1), 192, 0, 2, 1),
    );
  });

  it('is the same for IPv4 in the form of IPv6, and whatever the zone', () => {
    expect(of('::ffff:192.0.2.1')).toBe(of('192.0.2.1'));
    expect(of('fe80::1%eth0')).toBe(of('fe80::1'));
  });

  it('takes the bits of a prefix alone', () => {
    const key = { ipv4Prefix: 20, ipv6Prefix: 52 };
    expect(of('192.0.47.1', key)).toBe(bytes(192, 0, 32, 0));
    expect(of('192.0.48.1', key)).not.toBe(of('192.0.47.1', key));
    expect(of('2001:db8:1:1fff::1', key)).toBe(of('2001:db8:1:1000::', key));
    expect(of('2001:db8:1:2fff::1', key)).not.toBe(of('2001:db8:1:1000::', key));
    expect(of('192.0.2.1', { ipv4Prefix: 0 })).toBe(bytes(0, 0, 0, 0));
  });

  it('takes the port where it counts, in the order of the network', () => {
    expect(of('192.0.2.1', { withPort: true }, 0x1234)).toBe(bytes(192, 0, 2, 1, 0x12, 0x34));
    expect(of('192.0.2.1', {}, 1)).toBe(of('192.0.2.1', {}, 2));
  });

  it('is none for a client of a unix socket, who takes turns', () => {
    expect(of('')).toBeUndefined();
    const policy = policyOf('source-hash', backendsOf([{}, {}, {}]));
    const nobody = { client: { address: '', port: 0 }, listener: 'unix:/a' };
    const picked = Array.from({ length: 300 }, () => policy.pick(none, nobody));
    expect(new Set(picked).size).toBe(3);
  });
});

describe('the table of Maglev', () => {
  it.each([
    [
      'three backends',
      pool(3),
      SLOTS,
      'e7ede9575531f62a04b9e49cd345feba08b2100011229ca690e82f01619ca6db',
    ],
    [
      'twenty of several weights',
      pool(20, (index) => 1 + (index % 5)),
      SLOTS,
      '8a54545640def0f261775e5e633b8e46cc942082b42c7742e0532f81bc27a878',
    ],
    [
      'a hundred in a large table',
      pool(100),
      MORE_SLOTS,
      '7b43985ace33bb45f10dd4ef8056ee9c7ac2169576e589a49284becd69c8b18a',
    ],
  ])('of %s is what it was in every version', (_, backends, slots, digest) => {
    const names = namesIn(backends, slots).join('\n');
    expect(createHash('sha256').update(names).digest('hex')).toBe(digest);
  });

  it('does not depend on the order of the backends', () => {
    const random = randomFrom('order');
    const backends = pool(50, (index) => 1 + (index % 7));
    const shuffled = [...backends].sort(() => random.between(0, 1) - 0.5);
    expect(shuffled).not.toEqual(backends);
    expect(namesIn(shuffled)).toEqual(namesIn(backends));
  });

  it('is as it was when a backend has come and gone', () => {
    const before = namesIn(pool(10));
    expect(namesIn(pool(11))).not.toEqual(before);
    expect(namesIn(pool(10))).toEqual(before);
  });

  it.each([
    ['two of 1 and 3', pool(2, (index) => 1 + 2 * index)],
    ['one heavy among many', pool(1000, (index) => (index === 500 ? 1000 : 1))],
    ['as many different as there are', pool(1000, (index) => index + 1)],
    ['a hundred of 1000 and 999', pool(100, (index) => 999 + (index % 2))],
  ])('has slots by weight, to one: %s', (_, backends) => {
    const total = backends.reduce((sum, { weight }) => sum + weight, 0);
    for (const [place, count] of countsOf(
      maglevTable(backends, SLOTS),
      backends.length,
    ).entries()) {
      const share = (SLOTS * (backends[place]?.weight ?? 0)) / total;
      expect(Math.abs(count - share), `${place}`).toBeLessThanOrEqual(1);
    }
  });

  it('has a slot for each, however light', () => {
    const backends = pool(10_000, (index) => (index < 5000 ? 1 : 1000));
    expect(Math.min(...countsOf(maglevTable(backends, SLOTS), backends.length))).toBe(1);
  });

  it('spreads as evenly, and moves as little, as docs/policies.md says', () => {
    const page = readFileSync(new URL('../docs/policies.md', import.meta.url), 'utf8');
    const shown = [
      ...page.matchAll(/^\| (\d+) \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|$/gm),
    ];
    expect(shown.map(([, count]) => count)).toEqual(['3', '10', '100', '1000']);
    for (const [, count = '', ...figures] of shown) {
      const backends = pool(Number(count));
      const measured = [SLOTS, MORE_SLOTS].flatMap((slots) => [
        imbalance(backends, slots),
        moved(backends, slots),
      ]);
      expect(measured.map((part) => (100 * part).toFixed(2))).toEqual(figures);
    }
    // What an independent calculation has for 65,537 slots, with room for other names.
    const bounds = [
      [0.01, 0.1],
      [0.01, 0.4],
      [0.15, 0.8],
      [0.8, 0.8],
    ];
    for (const [row, [, , uneven, other]] of shown.entries()) {
      const [mostUneven = 0, mostOther = 0] = bounds[row] ?? [];
      expect(Number(uneven)).toBeLessThanOrEqual(mostUneven);
      expect(Number(other)).toBeLessThanOrEqual(mostOther);
    }
  });
});

/** By how much of its share the one with the most slots has more than that. */
function imbalance(backends: readonly Weighted[], slots: number): number {
  const most = Math.max(...countsOf(maglevTable(backends, slots), backends.length));
  return (most * backends.length) / slots - 1;
}

/** What part of all slots are another's when one backend leaves, besides its own: the mean of up to five that leave. */
function moved(backends: readonly Weighted[], slots: number): number {
  const before = namesIn(backends, slots);
  const leaving = backends.filter((_, index) => index % Math.ceil(backends.length / 5) === 0);
  const changes = leaving.map(({ name }) => {
    const after = namesIn(
      backends.filter((backend) => backend.name !== name),
      slots,
    );
    return before.filter((owner, slot) => owner !== name && owner !== after[slot]).length;
  });
  return changes.reduce((sum, count) => sum + count, 0) / changes.length / slots;
}

describe('machines that have the same backends', () => {
  const address = (key: number) => `10.${(key >> 16) & 255}.${(key >> 8) & 255}.${key & 255}`;
  const KEYS = 100_000;

  /** Which backend each of 100,000 clients gets in a process of its own. */
  const program = `
    const at = (file) => import(new URL(file, ${JSON.stringify(new URL('../dist/policy/', import.meta.url).href)}));
    const { PlannedPolicy } = await at('planned-policy.js');
    const { policies } = await at('registry.js');
    const { hash, backends } = JSON.parse(process.argv[1]);
    const plan = { ...policies['source-hash'].plan(backends, hash), triesDown: false };
    const policy = new PlannedPolicy(plan, backends);
    const names = Array.from({ length: ${KEYS} }, (_, key) => {
      const address = (${address})(key);
      return backends[policy.pick(new Set(), { client: { address, port: 1 }, listener: '' })].name;
    });
    process.stdout.write(names.join(' '));
  `;
  const picksOf = (backends: readonly object[]) => {
    const given = JSON.stringify({ hash, backends });
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program, given],
      { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 120_000 },
    );
    expect(stderr).toBe('');
    return stdout.split(' ');
  };

  it('in another order pick the same for 100,000 clients, and disagree only of one that is down', () => {
    const random = randomFrom('machines');
    const backends = backendsOf(
      Array.from({ length: 30 }, (_, index) => ({ weight: 1 + (index % 3) })),
    );
    const shuffled = [...backends].sort(() => random.between(0, 1) - 0.5);
    const withOneDown = shuffled.map((backend) => ({ ...backend, isUp: backend.name !== 'b7' }));
    const [one, other, third] = [backends, shuffled, withOneDown].map(picksOf);
    expect(new Set(one).size).toBe(30);
    expect(one).toHaveLength(KEYS);
    expect(other).toEqual(one);
    const differing = one?.filter((name, key) => name !== third?.[key]) ?? [];
    expect(new Set(differing)).toEqual(new Set(['b7']));
    expect(third).not.toContain('b7');
  });
});

describe('a backend that takes no sessions', () => {
  const addresses = Array.from({ length: 8 }, (_, index) => `10.0.0.${index + 1}:1`);
  const clients = Array.from({ length: 500 }, (_, index) => ({
    ...client,
    client: { address: `192.0.${index >> 8}.${index & 255}`, port: 1 },
  }));

  it.each(['drain', 'maintenance'] as const)(
    'has its clients go to others while it is in %s, and back, and moves nobody else',
    (state) => {
      const tested = poolOf(addresses, {}, {}, { policy: 'source-hash' });
      const picks = () =>
        clients.map((each) => {
          const picked = tested.pickFor(each)(new Set());
          return picked instanceof Promise ? undefined : picked?.name;
        });
      const setState = (override: object) => {
        const backend = backendAt(tested, 3);
        backend.configure(backend.config, override);
        tested.selectAnew();
      };
      const made = vi.spyOn(policies['source-hash'], 'plan');
      onTestFinished(() => made.mockRestore());
      const before = picks();
      const { plan } = tested;
      setState({ state });
      expect(tested.plan).toEqual(plan);
      const meanwhile = picks();
      const name = addresses[3];
      for (const [index, picked] of before.entries()) {
        if (picked === name) expect(meanwhile[index]).not.toBe(name);
        else expect(meanwhile[index]).toBe(picked);
      }
      expect(before).toContain(name);
      setState({});
      expect(picks()).toEqual(before);
      expect(made).toHaveBeenCalledTimes(1);
    },
  );
});
