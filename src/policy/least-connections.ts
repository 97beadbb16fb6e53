import type { BuiltIn } from './registry.js';
import { smoothCycle } from './smooth-cycle.js';
import { tiersOf } from './tiers.js';

/** The one that would have the fewest sessions for its weight; how often a backend recurs in the cycle is its weight. */
export const leastConnections: BuiltIn = {
  description: 'the one with the fewest sessions for its weight',
  plan: (backends) => ({ entry: 'least', tiers: tiersOf(backends, smoothCycle) }),
};
