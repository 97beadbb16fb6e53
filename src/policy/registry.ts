/** The policies that are built in: one entry each, from which the schema, the help and the documents have their names. */
import type { HashSettings, Placed } from './candidate.js';
import { first } from './first.js';
import { leastConnections } from './least-connections.js';
import type { PickPlan } from './plan.js';
import { random } from './random.js';
import { roundRobin } from './round-robin.js';
import { sourceHash } from './source-hash.js';

/** The policies that are built in. */
export type PolicyName =
  /** Each backend in turn, as often as its weight says. */
  | 'round-robin'
  /** The one with the fewest sessions for its weight. */
  | 'least-connections'
  /** The better of two that are drawn at random. */
  | 'random'
  /** The first of the list that answers and has room. */
  | 'first'
  /** The same backend for the same client address. */
  | 'source-hash';

/** A policy that has a name. */
export interface BuiltIn {
  /** What it does, in a few words that follow its name and a colon. */
  readonly description: string;
  /** Whether backends that are not ready have their places as well, and are passed over there. */
  readonly placesAll?: true;
  /**
   * @param backends one at least, in the order of the pool
   * @returns with places in `backends` for rows
   */
  plan(backends: readonly Placed[], hash: HashSettings): Omit<PickPlan, 'triesDown'>;
}

export const policies: Readonly<Record<PolicyName, BuiltIn>> = {
  'round-robin': roundRobin,
  'least-connections': leastConnections,
  random,
  first,
  'source-hash': sourceHash,
};

export const policyNames = Object.keys(policies) as readonly PolicyName[];
