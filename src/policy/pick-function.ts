/** A policy that users write: a function that picks. */
import type { ClientAddress } from '../model/client-address.js';

/** One backend, as a policy sees it. */
export interface PickBackend {
  /** Its name: its address, where it was given no other. */
  readonly name: string;
  /** Its address as it was given, normalised. */
  readonly address: string;
  /** As in the options, 1 to 1000. What a function makes of it is its own affair. */
  readonly weight: number;
  /**
   * Clients that it has now: those that were picked for it and have neither failed to reach it nor left, so also
   * those that are still connecting. Of the moment that it is read.
   */
  readonly open: number;
}

/** For whom a backend is picked, and from what. */
export interface PickContext {
  /** Who is to be served. */
  readonly client: ClientAddress;
  /** Address of the listener that took the client, or `handoff`. */
  readonly listener: string;
  /**
   * Those that may be picked, in the order of the options. One frozen list for all picks, until the backends, their weights or
   * their states change; copy its figures to keep them.
   */
  readonly backends: readonly PickBackend[];
  /** Indexes of the backends that failed for this very client; empty at first. */
  readonly tried: ReadonlySet<number>;
}

/**
 * Picks the backend of a client: an index in `backends` that is not in `tried`, or `undefined` when none is left
 * that it wants. It is called again each time that its pick did not answer.
 *
 * It must answer at once: a promise is refused as any other value that is no index. What it throws is an uncaught
 * exception of the process; that client is disconnected as if no backend had answered.
 */
export type PickFunction = (context: PickContext) => number | undefined;
