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
}

export function sessionsOf(loads: readonly Load[]): number {
  return loads.reduce((sum, { open }) => sum + open, 0);
}

/**
 * How many sessions of which backends are to end now, those first that have most beyond their share by weight.
 *
 * @param sessions at least so many are shared out: clients whose sessions have ended may not be back yet
 * @param most to end in all
 * @returns nothing where the pool is level
 */
export function surplusOf(
  loads: readonly Load[],
  sessions: number,
  most: number,
): readonly { readonly row: number; readonly count: number }[] {
  const weights = loads.reduce((sum, { weight }) => sum + weight, 0);
  const all = Math.max(sessions, sessionsOf(loads));
  const surpluses = loads
    .map(({ row, weight, open }) => {
      const share = (all * weight) / weights;
      const tolerated = Math.max(TOLERATED_SESSIONS, share * TOLERATED_PART);
      return { row, beyond: open - share, isOver: open - share > tolerated };
    })
    .filter(({ isOver }) => isOver)
    .sort((left, right) => right.beyond - left.beyond);
  let left = most;
  return surpluses.flatMap(({ row, beyond }) => {
    const count = Math.min(Math.ceil(beyond), left);
    left -= count;
    return count > 0 ? [{ row, count }] : [];
  });
}
