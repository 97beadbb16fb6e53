/** The sessions of a balancer, and what each moves a second. */
import type { ControlSessions } from '../../control/types.js';
import { movedBy, type RatedSession } from '../remote/sessions.js';

export interface ListedSessions {
  /** How many there are: more than are listed, where there are very many. */
  readonly count: number;
  /** In no order. */
  readonly sessions: readonly RatedSession[];
}

export class SessionLooks {
  #last: { readonly moved: ReadonlyMap<string, number>; readonly atMs: number } | undefined;

  /** @param atMs of a clock that never goes back */
  next({ count, sessions }: ControlSessions, atMs: number): ListedSessions {
    const last = this.#last;
    this.#last = { moved: new Map(sessions.map((one) => [one.id, movedBy(one)])), atMs };
    if (last === undefined) return { count, sessions };
    const elapsedMs = atMs - last.atMs;
    const rated = sessions.map((session) => {
      // One that is younger than the last look has moved all since it began.
      const before = last.moved.get(session.id) ?? (session.ageMs <= elapsedMs ? 0 : undefined);
      const overMs = Math.min(elapsedMs, session.ageMs);
      if (before === undefined || overMs <= 0) return session;
      const bytesPerSecond = Math.round(((movedBy(session) - before) * 1000) / overMs);
      return { ...session, bytesPerSecond };
    });
    return { count, sessions: rated };
  }
}

/** Those that move most first; among those that move nothing, those that have moved most. */
export const byRate = (one: RatedSession, other: RatedSession): number =>
  (other.bytesPerSecond ?? 0) - (one.bytesPerSecond ?? 0) || movedBy(other) - movedBy(one);

export const byBytes = (one: RatedSession, other: RatedSession): number =>
  movedBy(other) - movedBy(one);
