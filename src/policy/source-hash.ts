import { maglevTable } from './maglev.js';
import type { BuiltIn } from './registry.js';
import { tiersOf } from './tiers.js';

/**
 * The same backend for the same client, on every machine that has the same names, weights and priorities. So the table has
 * all that are configured: one that is drained, or down, is passed over, and the others keep their places.
 */
export const sourceHash: BuiltIn = {
  description: 'the same one for the same client address, on every machine with the same backends',
  placesAll: true,
  plan: (backends, { key, slots }) => ({
    entry: 'hash',
    hashKey: key,
    tiers: tiersOf(backends, (members) => maglevTable(members, slots)),
  }),
};
