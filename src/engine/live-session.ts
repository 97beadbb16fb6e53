/** Live sessions as an engine knows them, whether or not anybody has heard of them. */
import type { ResolvedAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import type { SessionPhase } from '../model/session-phase.js';
import type { SessionTransport } from '../model/session-transport.js';
import { setImmediate } from '../timers.js';

/** Of a listing, sessions that are looked at before others of the program have their turn. */
const SESSIONS_PER_TURN = 500;

/** One session at one moment; good only until the call that it is given to returns. */
export interface LiveSession {
  /** No other session of the engine ever has it. */
  readonly id: string;
  readonly client: ClientAddress;
  /** Row of the counters; `undefined` for `join`. */
  readonly listener: number | undefined;
  /** Row of the counters: where it has a place. */
  readonly backend: number | undefined;
  /** Where the backend is that it has, or that is tried. */
  readonly backendAddress: ResolvedAddress | undefined;
  /** Number of the pool that it waits in, or that its route picks from, as far as the engine knows. */
  readonly pool: number | undefined;
  readonly phase: SessionPhase;
  readonly ageMs: number;
  /** Of an open one: since when nothing has moved, and neither side has ended. */
  readonly idleMs: number | undefined;
  readonly bytesUpstream: number;
  readonly bytesDownstream: number;
  /** Where that was asked for, and the engine knows. */
  readonly transport?: SessionTransport | undefined;
}

/** What is asked of a listing. */
export interface Listing {
  /** Also what the kernel has measured of the connections. */
  readonly transport: boolean;
  /** So many sessions of each loop at most, drawn by chance; `undefined` is all. */
  readonly sample: number | undefined;
}

/** Hands the items over, some in each turn of Node's event loop. */
export async function inPieces<Item>(
  items: Iterable<Item>,
  visit: (item: Item) => void,
): Promise<void> {
  let count = 0;
  for (const item of items) {
    visit(item);
    count += 1;
    if (count % SESSIONS_PER_TURN === 0)
      await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
