/** What every kind of health check is. */
import type { ResolvedAddress } from '../../../model/address.js';

/** Where one is to ask. */
export interface CheckTarget {
  /** The name of the backend. */
  readonly name: string;
  /** Where it is asked: what the settings say instead of its own address is in it already. */
  readonly address: ResolvedAddress;
  /** The address of this machine that it is asked from; `undefined`: the system picks. */
  readonly from?: string | undefined;
  /** The host as it is configured, for `Host` and for certificates; empty for a Unix socket. */
  readonly host: string;
}

/**
 * Asks a server once. Resolves with a few words for people, which may be none, when all is well. Rejects with an error
 * whose message says what came instead. When `signal` aborts, it rejects at once. It never throws, and leaves
 * nothing open behind.
 */
export type Check = (target: CheckTarget, signal: AbortSignal) => Promise<string>;
