/** What the parts of a proxy are told of a configuration. */
import { connectBudgetOf } from '../config/connect-budget.js';
import { LONGEST_MS } from '../config/duration.js';
import { queueTimeoutOf } from '../config/queue.js';
import type { ListenerConfig, PoolConfig } from '../config/types.js';
import type { ServiceSettings } from '../entrance/service.js';
import type { PoolSettings } from '../pool/pool.js';

export function poolSettings(config: PoolConfig): PoolSettings {
  return {
    policy: config.policy,
    hash: { key: config.hashKey, slots: config.hashSlots },
    pickMs: config.pickTimeoutMs,
    triesDown: config.whenAllDown === 'try',
    connectMs: config.connectTimeoutMs,
    search: {
      budgetMs: connectBudgetOf(config),
      attempts: config.connectAttempts,
      abortOnClose: config.abortOnClose,
    },
    from: config.from ?? [],
    earlyResetMs: config.earlyResetMs,
    limits: {
      maxSessions: config.maxPoolSessions ?? 0,
      queueLength: config.queue.length,
      queueMs: queueTimeoutOf(config),
    },
    health: config.health,
    ejection: ejectionOf(config),
    slowStartMs: config.slowStartMs,
    rebalance: rebalanceOf(config),
    maxAgeMs: config.maxSessionAgeMs,
    onDown: config.onDown,
  };
}

/** Not for policies that would send the clients where they were. */
function rebalanceOf({ policy, rebalance, rebalanceIdleMs }: PoolConfig) {
  if (rebalance === undefined || policy === 'first' || policy === 'source-hash') return undefined;
  return { perSecond: rebalance, idleMs: rebalanceIdleMs };
}

function ejectionOf({ ejectAfter, ejectForMs, ejectForMaxMs, earlyResetMs }: PoolConfig) {
  if (ejectForMs === 0) return undefined;
  const maxTimeMs = ejectForMaxMs === 0 ? LONGEST_MS : Math.max(ejectForMs, ejectForMaxMs);
  return { failures: ejectAfter, timeMs: ejectForMs, maxTimeMs, earlyResetMs };
}

export function serviceSettings(
  config: Omit<ListenerConfig, 'name' | 'addresses' | 'pool'>,
): ServiceSettings {
  return {
    timeouts: {
      idleMs: config.idleTimeoutMs,
      halfCloseMs: config.halfCloseTimeoutMs,
      handshakeMs: config.handshakeTimeoutMs,
    },
    filter: config.filter,
    maxSessions: config.maxSessions ?? 0,
    maxSessionsPerClient: config.maxSessionsPerClient ?? 0,
  };
}
