/** The policies that are built in: one entry each, from which the schema, the help and the documents have their names. */
import type { Policy } from './policy.js';
import { RoundRobin } from './round-robin.js';

/** The policies that are built in. `round-robin`: each backend in turn, as often as its weight says. */
export type PolicyName = 'round-robin';

/** A policy that has a name. */
interface BuiltIn {
  /**
   * @param weights of the backends, in the order of the pool: whole numbers from 1 to 1000
   * @param turn as `Policy.turn`, of the one before
   */
  readonly make: (weights: readonly number[], turn?: number) => Policy;
  /** What it does, in a few words that follow its name and a colon. */
  readonly description: string;
}

export const policies: Readonly<Record<PolicyName, BuiltIn>> = {
  'round-robin': {
    make: (weights, turn) => new RoundRobin(weights, turn),
    description: 'each in turn, as often as its weight says',
  },
};

export const policyNames = Object.keys(policies) as readonly PolicyName[];
