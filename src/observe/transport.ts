/** How connections fare, as a sample of live sessions shows it. */
import type { ConnectionFigures, SessionTransport } from '../model/session-transport.js';

/** So many of each loop: enough for a median, and asked for in a moment. */
export const SAMPLE = 64;

/** What is told of some connections. */
export interface ConnectionStats {
  /** Seconds to the other side and back: the median. */
  readonly roundTrip: number;
  /** The longest of them. */
  readonly longestRoundTrip: number;
  /** Of the segments with data that were sent there, the share that was sent again, from 0 to 1. */
  readonly retransmitted: number;
}

/** Of one backend, of which the sample had sessions. */
export interface TransportStats {
  /** Name of its pool; `undefined` where that is gone. */
  readonly pool: string | undefined;
  /** Its name. */
  readonly backend: string;
  /** How many there were in the sample. */
  readonly sessions: number;
  /** Of the connections of their clients; `undefined` where all are Unix sockets. */
  readonly toClients: ConnectionStats | undefined;
  /** Of those to the backend; the same, and where it has answered none yet. */
  readonly toBackend: ConnectionStats | undefined;
}

/** What is looked at of a live session. */
interface Sampled {
  readonly pool: string | undefined;
  readonly backend: string | undefined;
  readonly transport?: SessionTransport | undefined;
}

/** @param sessions with their `transport`; those without are left out */
export function transportOf(sessions: readonly Sampled[]): readonly TransportStats[] {
  const groups = new Map<string, Sampled[]>();
  for (const session of sessions) {
    if (session.transport === undefined || session.backend === undefined) continue;
    const key = JSON.stringify([session.pool, session.backend]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [session]);
    else group.push(session);
  }
  return [...groups.values()].map((group) => ({
    pool: group[0]?.pool,
    backend: group[0]?.backend ?? '',
    sessions: group.length,
    toClients: statsOf(group.map(({ transport }) => transport?.client)),
    toBackend: statsOf(group.map(({ transport }) => transport?.backend)),
  }));
}

function statsOf(
  connections: readonly (ConnectionFigures | undefined)[],
): ConnectionStats | undefined {
  const known = connections.filter((connection) => connection !== undefined);
  if (known.length === 0) return undefined;
  const trips = known.map(({ roundTripMs }) => roundTripMs / 1000).sort((one, two) => one - two);
  const sent = known.reduce((sum, { sentSegments }) => sum + sentSegments, 0);
  const again = known.reduce((sum, figures) => sum + figures.retransmittedSegments, 0);
  return {
    roundTrip: trips[(trips.length - 1) >> 1] ?? 0,
    longestRoundTrip: trips.at(-1) ?? 0,
    // A SYN that is sent again has no data, and counts as sent again.
    retransmitted: again === 0 ? 0 : again / Math.max(sent, again),
  };
}
