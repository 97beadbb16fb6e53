import type { Placed } from './candidate.js';

/**
 * Backends by their priorities, the lowest first, each priority as one cycle.
 *
 * @param backends one at least
 * @param cycleOf of those of one priority: their places in the list that it is given
 * @returns the same with places in `backends`
 */
export function tiersOf<Backend extends Placed>(
  backends: readonly Backend[],
  cycleOf: (members: readonly Backend[]) => Uint16Array,
): Uint16Array[] {
  const places = new Map<number, number[]>();
  for (const [place, { priority }] of backends.entries()) {
    const equals = places.get(priority);
    if (equals === undefined) places.set(priority, [place]);
    else equals.push(place);
  }
  return [...places.entries()]
    .sort(([one], [other]) => one - other)
    .map(([, members]) => {
      const cycle = cycleOf(members.map((place) => backends[place] as Backend));
      return cycle.map((member) => members[member] as number);
    });
}
