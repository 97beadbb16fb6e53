/** Pools without a proxy. */
import { parseAddress } from '../../src/config/address.js';
import { Backend, type BackendEvents, type PoolInternals } from '../../src/pool/backend.js';
import { resolveAll } from '../../src/pool/names.js';
import { Pool, type PoolSettings } from '../../src/pool/pool.js';
import { now } from '../../src/timers.js';

const silent: BackendEvents = {
  onResolveFailed: () => {},
  onAddressesChanged: () => {},
  onResolved: () => {},
};

export interface TestPoolOptions {
  readonly connectMs?: number;
  readonly policy?: PoolSettings['policy'];
  readonly onPickFailed?: (error: Error) => void;
  readonly queueLength?: number;
  readonly triesDown?: boolean;
  /** How many clients wait. */
  readonly waiting?: () => number;
}

/** A pool whose backends have these addresses, the first one in row 0; nothing is looked up yet. */
export function poolOf(
  addresses: readonly string[],
  events: Partial<BackendEvents> = {},
  internals: PoolInternals = {},
  options: TestPoolOptions = {},
): Pool {
  const { connectMs = 1000, policy = 'round-robin', onPickFailed = () => {} } = options;
  const { queueLength = 0, triesDown = false, waiting = () => 0 } = options;
  const clock = internals.now ?? now;
  const backends = addresses.map((name, row) => {
    const config = { name, address: parseAddress(name, 'backend'), weight: 1 };
    const told = { ...silent, ...events };
    return new Backend(config, { row, pool: 'default', poolNumber: 0 }, told, {
      ...internals,
      now: clock,
    });
  });
  const search = { budgetMs: 0, attempts: 100, abortOnClose: false };
  const hash = { key: { ipv4Prefix: 32, ipv6Prefix: 128, withPort: false }, slots: 65_537 };
  const limits = { maxSessions: 0, queueLength, queueMs: 0 };
  const unchecked = {
    from: [],
    earlyResetMs: 0,
    limits,
    health: undefined,
    ejection: undefined,
    slowStartMs: 0,
    rebalance: undefined,
    maxAgeMs: 0,
    onDown: 'keep',
  } as const;
  const picking = { policy, hash, triesDown, pickMs: 0 };
  const host = {
    name: 'default',
    number: 0,
    now: clock,
    waiting,
    onPickFailed,
    onRefused: () => {},
  };
  return new Pool(host, { ...picking, connectMs, search, ...unchecked }, backends);
}

/** The same, once the resolver has answered. */
export async function resolvedPoolOf(...args: Parameters<typeof poolOf>): Promise<Pool> {
  const pool = poolOf(...args);
  await resolveAll(pool.backends, 0);
  return pool;
}

/** One of its backends, by its place. */
export function backendAt(pool: Pool, index: number): Backend {
  const backend = pool.backends[index];
  if (backend === undefined) throw new RangeError(`the pool has no backend ${index}`);
  return backend;
}
