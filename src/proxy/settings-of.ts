/** What the parts of a proxy are told of a configuration. */
import { connectBudgetOf } from '../config/connect-budget.js';
import type { ListenerConfig, PoolConfig } from '../config/types.js';
import type { ServiceSettings } from '../entrance/service.js';
import type { PoolSettings } from '../pool/pool.js';

export function poolSettings(config: PoolConfig): PoolSettings {
  return {
    policy: config.policy,
    hash: { key: config.hashKey, slots: config.hashSlots },
    pickMs: config.pickTimeoutMs,
    triesDown: false,
    connectMs: config.connectTimeoutMs,
    search: {
      budgetMs: connectBudgetOf(config),
      attempts: config.connectAttempts,
      abortOnClose: config.abortOnClose,
    },
  };
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
  };
}
