/** How far a live session has come. */
export type SessionPhase =
  /** The client was taken, and what a program has still to write to it goes first. */
  | 'accept'
  /** A filter, a policy or the proxy is to say what becomes of it, or which backend it gets. */
  | 'route'
  /** It waits for a place at a backend of its pool. */
  | 'queue'
  /** A backend is tried for it. */
  | 'connect'
  /** A backend has answered, and both sides may send. */
  | 'data'
  /** One side has ended its stream, or was lost. */
  | 'half-closed';

/** In the order of their numbers. `SessionPhase` in native/core/stats/ends.h. */
export const phases = [
  'route',
  'queue',
  'connect',
  'data',
  'half-closed',
  'accept',
] as const satisfies readonly SessionPhase[];
