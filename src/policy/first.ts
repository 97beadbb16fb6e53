import type { BuiltIn } from './registry.js';
import { tiersOf } from './tiers.js';

/** Each once, in the order of the pool: whoever finds one full goes on to the next. Weights mean nothing. */
export const first: BuiltIn = {
  description: 'the first that answers and has room, in the order of the list',
  plan: (backends) => ({
    entry: 'first',
    tiers: tiersOf(backends, (members) => Uint16Array.from(members.keys())),
  }),
};
