/** Whether a proxy can serve clients. */
export interface Readiness {
  /** `close()` was called. */
  readonly isClosing: boolean;
  /** Whether a backend can be picked: one that is `ready`, whose health lets sessions come, and whose name has resolved. */
  readonly pools: readonly { readonly pool: string; readonly ready: boolean }[];
}
