/** Whether the sessions of a pool are level, and who has too many. */

/** Within so many sessions of its share, or such a part of it, a backend has as many as it should. */
const TOLERATED_SESSIONS = 1;
const TOLERATED_PART = 0.05;

/** A backend that takes sessions. */
export interface Load {
  readonly row: number;
  readonly weight: number;
  /** Sessions alive. */
  readonly open: number;
  /** Sessions that it takes at once; infinite for any number. */
  readonly most: number;
}

export interface Surplus {
  /** Sessions to end now, those first that have most beyond their share. Nothing where the pool is level. */
  readonly ends: readonly { readonly row: number; readonly count: number }[];
  /** Sessions beyond their share in all, at the backends that have too many. */
  readonly beyond: number;
}

export function sessionsOf(loads: readonly Load[]): number {
  return loads.reduce((sum, { open }) => sum + open, 0);
}

/**
 * How many sessions of which backends are to end now, so that each has its share by weight, and none more than it takes.
 *
 * @param sessions at least so many are shared out: clients whose sessions have ended may not be back yet
 * @param most to end in all
 */
export function surplusOf(loads: readonly Load[], sessions: number, most: number): Surplus {
  const alive = sessionsOf(loads);
  const all = Math.max(sessions, alive);
  const shared = sharesOf(loads, all);
  const surpluses = shared
    .map(({ row, open, share }) => ({
      row,
      beyond: open - share,
      isOver: open - share > Math.max(TOLERATED_SESSIONS, share * TOLERATED_PART),
    }))
    .filter(({ isOver }) => isOver)
    .sort((left, right) => right.beyond - left.beyond);
  // Those who are not back yet take places, too.
  const places = shared.reduce((sum, { open, share }) => sum + Math.max(share - open, 0), 0);
  let left = Math.min(most, Math.ceil(Math.max(places - (all - alive), 0)));
  const ends = surpluses.flatMap(({ row, beyond }) => {
    const count = Math.min(Math.ceil(beyond), left);
    left -= count;
    return count > 0 ? [{ row, count }] : [];
  });
  return { ends, beyond: surpluses.reduce((sum, { beyond }) => sum + beyond, 0) };
}

/** By weight. What is beyond what a backend takes goes to the others, as far as they take it. */
function sharesOf(loads: readonly Load[], sessions: number): (Load & { readonly share: number })[] {
  const weights = loads.reduce((sum, { weight }) => sum + weight, 0);
  const isFull = ({ weight, most }: Load) => most < (sessions * weight) / weights;
  const full = loads.filter(isFull);
  if (full.length === 0) {
    return loads.map((load) => ({ ...load, share: (sessions * load.weight) / weights }));
  }
  const taken = full.reduce((sum, { most }) => sum + most, 0);
  const others = loads.filter((load) => !isFull(load));
  return [
    ...full.map((load) => ({ ...load, share: load.most })),
    ...sharesOf(others, sessions - taken),
  ];
}
