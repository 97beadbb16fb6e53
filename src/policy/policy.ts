/** How a backend is picked for a session. A policy knows indexes and weights, and nothing of sockets. */

import { CustomPolicy } from './custom.js';
import type { PickBackend, PickContext, PickFunction } from './pick-function.js';
import { type PolicyName, policies } from './registry.js';

/** For whom a backend is picked. */
export type Client = Pick<PickContext, 'client' | 'listener'>;

export interface Policy {
  /**
   * Picks the backend of the next session.
   *
   * @param tried backends that failed for this very client; empty at its first pick
   * @returns the index of a backend that is not in `tried`, or `undefined` when all are
   */
  pick(tried: ReadonlySet<number>, client: Client): number | undefined;
  /**
   * First picks as indexes to be walked round and round, for an engine that picks by itself; `undefined` where only
   * `pick` can tell.
   */
  cycle(): Uint16Array | undefined;
  /** How far it has come, for the policy that takes its place: a part of a round, from 0 to 1. */
  readonly turn: number;
}

/**
 * Makes a policy.
 *
 * @param choice a name, or a function of the user's
 * @param backends those that may be picked, in the order of the pool; their weights are whole numbers from 1 to 1000
 * @param turn of the policy whose place it takes
 */
export function createPolicy(
  choice: PolicyName | PickFunction,
  backends: readonly PickBackend[],
  turn = 0,
): Policy {
  if (typeof choice === 'function') return new CustomPolicy(choice, backends);
  return policies[choice].make(
    backends.map(({ weight }) => weight),
    turn,
  );
}
