/** Limits of sessions that a listener, a pool or a backend has for itself, and that are nearly reached. */
import type { PoolConfig, ProxyConfig } from '../../config/types.js';
import type { ControlStatus } from '../../control/types.js';
import { listed } from '../../model/listed.js';
import { isPicked } from '../remote/state.js';
import { labelOf } from '../remote/target.js';
import { counted, formatCount } from '../remote/words.js';

/** A part of a limit that is near it. */
const NEAR = 0.8;

/** @param limit `undefined`: there is none */
export const isNear = (count: number, limit: number | undefined): boolean =>
  limit !== undefined && count >= limit * NEAR;

/** @returns a line for each listener, over all its addresses */
export function nearInListeners({ listeners }: ControlStatus): string[] {
  const found = new Map<string, { open: number; most: number | undefined }>();
  for (const { name, open, maxSessions: most } of listeners) {
    found.set(name, { open: open + (found.get(name)?.open ?? 0), most });
  }
  return [...found].flatMap(([name, { open, most }]) =>
    isNear(open, most)
      ? [
          `${name} has ${ofMost(open, most)}: near its maxSessions, where it pauses. Raise it, or lower idleTimeout`,
        ]
      : [],
  );
}

/** @returns a line for each pool in which nobody may wait for a place: the topic of its queue tells of the others */
export function nearInPools(status: ControlStatus, { pools }: ProxyConfig): string[] {
  return pools
    .filter(({ queue }) => queue.length === 0)
    .flatMap((pool) => [...nearInPool(status, pool), ...nearInBackends(status, pool)]);
}

function nearInPool({ pools, backends }: ControlStatus, { name }: PoolConfig): string[] {
  const most = pools.find((pool) => pool.name === name)?.maxPoolSessions;
  const open = backends
    .filter(({ pool }) => pool === name)
    .reduce((sum, backend) => sum + backend.open, 0);
  return isNear(open, most)
    ? [
        `pool ${name} has ${ofMost(open, most)}: near its maxPoolSessions, where clients are disconnected. Raise it, or give it a queue`,
      ]
    : [];
}

function nearInBackends({ backends }: ControlStatus, { name, policy }: PoolConfig): string[] {
  const picked = backends.filter((backend) => backend.pool === name && isPicked(backend));
  const near = picked.filter(({ open, maxSessions }) => isNear(open, maxSessions));
  // There one is filled after the other.
  const isMeant = policy === 'first' && near.length < picked.length;
  if (near.length === 0 || isMeant) return [];
  const which = near.map(
    ({ pool, name: backend, open, maxSessions }) =>
      `${labelOf({ pool, backend })} has ${ofMost(open, maxSessions)}`,
  );
  return [
    `${listed(which)}: near maxSessions. Where all of a pool are full, clients are disconnected: raise it, add backends, or give the pool a queue`,
  ];
}

const ofMost = (open: number, most = 0) => `${counted(open, 'session')}, of ${formatCount(most)}`;
