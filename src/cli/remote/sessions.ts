/** `spliceway sessions`: who is connected, and what each moves. */
import type { ControlClient } from '../../control/client.js';
import type { ControlSession } from '../../control/types.js';
import { formatAddress } from '../../model/address.js';
import type { SessionFilter } from '../../session/session-info.js';
import { setTimeout } from '../../timers.js';
import { formatBytes } from '../live-line.js';
import { type FilterFlags, filterOf } from './filter.js';
import { wholeNumber } from './numbers.js';
import { sayJson, sayLines } from './say.js';
import { type Cell, type Column, tableOf } from './table.js';
import { widthOf } from './terminal.js';
import { counted, formatAge, formatCount } from './words.js';

export interface SessionsFlags extends FilterFlags {
  readonly top?: string;
  readonly json?: boolean;
}

/** Between the two looks that a rate is made of. */
const RATE_MS = 1000;

export interface RatedSession extends ControlSession {
  /** Both ways together, in the second before; absent for one that was not there then. */
  readonly bytesPerSecond?: number;
}

export async function sessions(client: ControlClient, flags: SessionsFlags): Promise<void> {
  const { json = false } = flags;
  const filter = await filterOf(client, flags);
  const top = flags.top === undefined ? undefined : wholeNumber('--top', flags.top, 1);
  const { count, sessions: listed } = await ratedSessions(client, filter, top);
  if (json) return sayJson({ count, sessions: listed });
  const rest = count - listed.length;
  const lines = listed.length === 0 ? [] : await tableLines(client, listed);
  const more = rest === 0 ? '' : `, of which ${formatCount(listed.length)} are shown`;
  sayLines([...lines, `${counted(count, 'session')}${more}`]);
}

async function tableLines(client: ControlClient, listed: readonly RatedSession[]) {
  const { listeners } = await client.status();
  const names = new Map(listeners.map(({ address, name }) => [address, name]));
  // Those of a listener that is gone have its address.
  const rows = listed.map((session) =>
    sessionRow({ ...session, listener: names.get(session.listener) ?? session.listener }),
  );
  return tableOf(sessionColumns, rows, widthOf(process.stdout));
}

/** @param top so many of those that have moved most; all where it does not say */
async function ratedSessions(
  client: ControlClient,
  filter: SessionFilter,
  top: number | undefined,
): Promise<{ readonly count: number; readonly sessions: readonly RatedSession[] }> {
  // All: those that have moved most a second later may be others.
  const before = await client.sessions(filter);
  const begun = performance.now();
  if (before.count > 0) await new Promise((resolve) => setTimeout(resolve, RATE_MS));
  const after = before.count > 0 ? await client.sessions({ ...filter, top }) : before;
  const seconds = (performance.now() - begun) / 1000;
  const moved = new Map(before.sessions.map((session) => [session.id, movedBy(session)]));
  const rated = after.sessions.map((session) => {
    const earlier = moved.get(session.id);
    if (earlier === undefined) return session;
    return { ...session, bytesPerSecond: Math.round((movedBy(session) - earlier) / seconds) };
  });
  return { count: after.count, sessions: rated };
}

/** Both ways. */
export const movedBy = ({ bytesUpstream, bytesDownstream }: ControlSession) =>
  bytesUpstream + bytesDownstream;

/** What kill needs stays, and who is at both ends. */
export const sessionColumns: readonly Column[] = [
  { title: 'SESSION' },
  { title: 'CLIENT', least: 21, isName: true },
  { title: 'LISTENER', least: 15, rank: 6, isName: true },
  { title: 'BACKEND', least: 20, isName: true },
  { title: 'PHASE', rank: 5 },
  { title: 'AGE', isRight: true, rank: 3 },
  { title: 'IDLE', isRight: true, rank: 4 },
  { title: 'IN', isRight: true, rank: 1 },
  { title: 'OUT', isRight: true, rank: 1 },
  { title: 'RATE', isRight: true, rank: 2 },
];

export function sessionRow(session: RatedSession): Cell[] {
  const { id, client, listener, pool, backend, phase, ageMs, idleMs, bytesPerSecond } = session;
  return [
    id,
    clientOf(client),
    listener,
    [pool ?? '-', backend ?? '-'].join('/'),
    phase,
    formatAge(ageMs),
    idleMs === undefined ? '' : formatAge(idleMs),
    formatBytes(session.bytesUpstream),
    formatBytes(session.bytesDownstream),
    bytesPerSecond === undefined ? '' : `${formatBytes(bytesPerSecond)}/s`,
  ];
}

const clientOf = ({ address, port }: ControlSession['client']) =>
  address === '' ? 'unix' : formatAddress({ kind: 'tcp', host: address, port });
