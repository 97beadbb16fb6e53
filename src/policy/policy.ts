/** How a backend is picked for a session. A policy knows indexes and weights, and nothing of sockets. */

import { CustomPolicy } from './custom.js';
import type { PickBackend, PickContext, PickFunction } from './pick-function.js';
import { type PolicyName, policies } from './registry.js';

/** For whom a backend is picked. */
export type Client = Pick<PickContext, 'client' | 'listener'>;

/** As `Policy.pick`, for one client. Who tries backends needs no more of a policy, and a named backend needs no policy at all. */
export type ClientPick = (tried: ReadonlySet<number>) => number | undefined;

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
}

/**
 * Makes a policy.
 *
 * @param choice a name, or a function of the user's
 * @param backends in the order of the pool; their weights are whole numbers from 1 to 1000
 */
export function createPolicy(
  choice: PolicyName | PickFunction,
  backends: readonly PickBackend[],
): Policy {
  if (typeof choice === 'function') return new CustomPolicy(choice, backends);
  return policies[choice].make(backends.map(({ weight }) => weight));
}
