/** What checks and traffic say of a backend. */
export type HealthStatus =
  /** Not known yet. */
  | 'checking'
  /** It answers. Without checks, that is what is believed. */
  | 'up'
  /** Checks have failed: it gets no new sessions. */
  | 'down'
  /** Clients could not reach it, one after the other: it gets no new sessions for a while. */
  | 'ejected';
