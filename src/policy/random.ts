import type { BuiltIn } from './registry.js';
import { smoothCycle } from './smooth-cycle.js';
import { tiersOf } from './tiers.js';

/**
 * The better of two that are drawn at random (M. Mitzenmacher, "The power of two choices in randomized load balancing",
 * 1996). A backend is drawn as often as its weight says.
 */
export const random: BuiltIn = {
  description: 'two at random, and of these the one with fewer sessions for its weight',
  plan: (backends) => ({ entry: 'random', tiers: tiersOf(backends, smoothCycle) }),
};
