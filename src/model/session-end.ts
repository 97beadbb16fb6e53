/** How sessions end, as it is counted. */
import type { CloseReason } from './close-reason.js';
import { phases, type SessionPhase } from './session-phase.js';

/** In the order of the numbers that they have where they are counted. */
export const endReasons = [
  'finished',
  'reset',
  'idle-timeout',
  'half-close-timeout',
  'handshake-timeout',
  'destroyed',
  'max-age',
  'rebalanced',
  'no-backend',
  'denied',
] as const satisfies readonly CloseReason[];

/** Who has ended a session: who was the first to end its stream, or who was lost; and the proxy in any other case. */
export type EndSide = 'client' | 'backend' | 'proxy';

/** In the same way. */
export const endSides = ['client', 'backend', 'proxy'] as const satisfies readonly EndSide[];

/** How a session has ended. */
export interface SessionEnd {
  /** Why. */
  readonly reason: CloseReason;
  /** Who has ended it. */
  readonly side: EndSide;
  /** How far it had come before that. It is `half-closed` where one side had ended its stream; one that finishes always is. */
  readonly phase: SessionPhase;
}

/** How many ends there are that differ. */
export const ENDS = endReasons.length * endSides.length * phases.length;

/** The number of an end, from 0 on. */
export function numberOfEnd({ reason, side, phase }: SessionEnd): number {
  const [first, second] = [endReasons.indexOf(reason), endSides.indexOf(side)];
  return (first * endSides.length + second) * phases.length + phases.indexOf(phase);
}

/** Of all ends, in the order of their numbers. */
export const allEnds: readonly SessionEnd[] = endReasons.flatMap((reason) =>
  endSides.flatMap((side) => phases.map((phase) => ({ reason, side, phase }))),
);
