/** Policies that are built in, without a pool. */
import type { Candidate } from '../../src/policy/candidate.js';
import type { Client } from '../../src/policy/pick-function.js';
import { PlannedPolicy, type PlannedPolicyOptions } from '../../src/policy/planned-policy.js';
import { type PolicyName, policies } from '../../src/policy/registry.js';

export const none: ReadonlySet<number> = new Set();
export const client: Client = { client: { address: '192.0.2.1', port: 4000 }, listener: ':5555' };

export const hash = {
  key: { ipv4Prefix: 32, ipv6Prefix: 128, withPort: false },
  slots: 65_537,
};

/** What a test says of a backend, and may change later. */
export type TestBackend = { -readonly [Key in keyof Candidate]: Candidate[Key] };

/** Backends that are ready, up and empty, but for what is said. */
export function backendsOf(given: readonly Partial<TestBackend>[]): TestBackend[] {
  return given.map((backend, index) => ({
    name: `b${index}`,
    weight: 1,
    priority: 0,
    open: 0,
    isReady: true,
    isUp: true,
    ...backend,
  }));
}

export interface TestPolicyOptions extends PlannedPolicyOptions {
  readonly triesDown?: boolean;
  readonly hash?: typeof hash;
}

export function policyOf(
  name: PolicyName,
  backends: readonly Candidate[],
  { triesDown = false, hash: settings = hash, ...options }: TestPolicyOptions = {},
): PlannedPolicy {
  const plan = { ...policies[name].plan(backends, settings), triesDown };
  return new PlannedPolicy(plan, backends, options);
}

/** So many first picks as letters, the first backend being `a`. */
export function picks(policy: PlannedPolicy, count: number, tried = none): string {
  const letters = Array.from(
    { length: count },
    () => 'abcdefgh'[policy.pick(tried, client) ?? -1] ?? '-',
  );
  return letters.join('');
}

/** How often each letter is in a text. */
export function shares(sequence: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const letter of sequence) counts[letter] = (counts[letter] ?? 0) + 1;
  return counts;
}
