/** What checks and traffic say of a backend. */
export type Health =
  /** It is not known yet. */
  | 'checking'
  /** It works. */
  | 'up'
  /** It does not. */
  | 'down';
