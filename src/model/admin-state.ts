/** What an operator wants of a backend. */
export type AdminState =
  /** It takes new sessions. */
  | 'ready'
  /** It takes no new sessions; those that it has may finish. */
  | 'drain'
  /** It takes none, and is not looked after: it may be switched off. */
  | 'maintenance';
