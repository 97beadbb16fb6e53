/** How a backend is picked for a session. A policy knows indexes and weights, and nothing of sockets. */
import type { PolicyName } from '../config/types.js';
import { RoundRobin } from './round-robin.js';

export interface Policy {
  /**
   * Picks the backend of the next session.
   *
   * @param tried backends that failed for this very client; empty at its first pick
   * @returns the index of a backend that is not in `tried`, or `undefined` when all are
   */
  pick(tried: ReadonlySet<number>): number | undefined;
}

/**
 * Makes a policy.
 *
 * @param weights one whole number from 1 to 1000 for each backend, in the order of the pool
 */
export function createPolicy(name: PolicyName, weights: readonly number[]): Policy {
  switch (name) {
    case 'round-robin':
      return new RoundRobin(weights);
  }
}
