import type { BuiltIn } from './registry.js';
import { smoothCycle } from './smooth-cycle.js';
import { tiersOf } from './tiers.js';

/** Smooth weighted round-robin. */
export const roundRobin: BuiltIn = {
  description: 'each in turn, as often as its weight says',
  plan: (backends) => ({ entry: 'turn', tiers: tiersOf(backends, smoothCycle) }),
};
