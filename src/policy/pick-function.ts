/** A policy that users write: a function that picks. */
import type { ClientAddress } from '../model/client-address.js';
import type { HealthStatus } from '../model/health-status.js';

/** One backend, as a policy sees it. */
export interface PickBackend {
  /** Its name: its address, where it was given no other. */
  readonly name: string;
  /** Its address as it was given, normalised. */
  readonly address: string;
  /** As in the options, 1 to 1000. What a function makes of it is its own affair. */
  readonly weight: number;
  /** As in the options, 0 to 255, and 1 for a `backup`. What a function makes of it is its own affair. */
  readonly priority: number;
  /** As in the options; empty where it was given none. */
  readonly tags: Readonly<Record<string, string>>;
  /**
   * Clients that it has now: those that were picked for it and have neither failed to reach it nor left, so also
   * those that are still connecting. Of the moment that it is read.
   */
  readonly open: number;
  /** Whether it works, as far as anybody knows. Of the moment that it is read. */
  readonly health: HealthStatus;
}

/** For whom a backend is picked, and from what. */
export interface PickContext {
  /** Who is to be served. */
  readonly client: ClientAddress;
  /** Address of the listener that took the client, or `handoff`. */
  readonly listener: string;
  /**
   * Those that may be picked, in the order of the options, whatever their health. One frozen list for all picks, until the
   * backends, their weights or their states change; copy its figures to keep them.
   */
  readonly backends: readonly PickBackend[];
  /** Indexes of the backends that failed for this very client; empty at first. */
  readonly tried: ReadonlySet<number>;
}

/** For whom a backend is picked. */
export type Client = Pick<PickContext, 'client' | 'listener'>;

/**
 * Picks the backend of a client: an index in `backends` that is not in `tried`, or `undefined` when none is left
 * that it wants. It is called again each time that its pick did not answer.
 *
 * It may answer with a promise. The client waits for that as long as `pickTimeout` says. What throws or rejects, is late, or
 * answers with anything else disconnects the client as if no backend had answered, and a warning says so.
 */
export type PickFunction = (
  context: PickContext,
) => number | undefined | PromiseLike<number | undefined>;
