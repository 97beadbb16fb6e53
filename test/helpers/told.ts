/** Statuses as a balancer tells them, for what is made of them. */
import type { ControlBackend, ControlListener, ControlStatus } from '../../src/control/types.js';

const noBytes = { bytesUpstream: 0, bytesDownstream: 0 };
const noSessions = { open: 0, opened: 0, failed: 0, rejected: 0, rebalanced: 0, ...noBytes };

/** One that is up, has the weight 1, and has seen nobody. */
export function backendTold(name: string, more: Partial<ControlBackend> = {}): ControlBackend {
  return {
    ...noSessions,
    ...{ pool: 'db', name, address: '10.0.1.4:3306', weight: 1, state: 'ready' },
    configured: { weight: 1 },
    health: { status: 'up', since: Date.now(), reason: 'the check passed', ejections: 0 },
    noPort: 0,
    ...more,
  } as ControlBackend;
}

/** @param status health of a backend */
export const healthTold = (
  status: ControlBackend['health']['status'],
  reason = 'connect refused',
): Pick<ControlBackend, 'health'> => ({
  health: { ...backendTold('any').health, status, reason },
});

export const listenerTold = (
  name: string,
  more: Partial<ControlListener> = {},
): ControlListener => ({
  ...noSessions,
  ...{ name, address: '127.0.0.1:5555', ends: [], isPaused: false },
  ...more,
});

/** @param more `backends` also name the pools, where `pools` does not; totals are their sums */
export function statusTold(more: Partial<ControlStatus> = {}): ControlStatus {
  const { backends = [backendTold('db-1')] } = more;
  const sum = (key: 'open' | 'opened' | 'bytesUpstream' | 'bytesDownstream') =>
    backends.reduce((total, one) => total + one[key], 0);
  return {
    ...{ name: 'edge', version: '0.1.0', pid: 4711, since: 1, isStopping: false, generation: 1 },
    ...{ engine: { name: 'native', reason: '' }, accept: 'native', unheard: 0, ends: [] },
    sessions: { open: sum('open'), opened: sum('opened'), failed: 0, rejected: 0 },
    bytes: { upstream: sum('bytesUpstream'), downstream: sum('bytesDownstream') },
    listeners: [listenerTold('sql')],
    pools: [...new Set(backends.map(({ pool }) => pool))].map(poolTold),
    ...{ loops: [] },
    ...more,
    backends,
  } as unknown as ControlStatus;
}

const none = { count: 0, sum: 0 };

export const poolTold = (name: string): ControlStatus['pools'][number] =>
  ({
    name,
    queue: { length: 0, served: 0, timedOut: 0, refused: 0, left: 0 },
    summaries: { connect: none, firstByte: none, queue: none, duration: none, bytes: none },
  }) as ControlStatus['pools'][number];
