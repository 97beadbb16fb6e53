import type { PoolConfig } from './types.js';

/** Three attempts that are silent to the end. */
const ATTEMPTS_IN_BUDGET = 3;

/** How long a client may wait for a backend, in milliseconds; 0 is no limit. */
export function connectBudgetOf({
  connectBudgetMs,
  connectTimeoutMs,
}: Pick<PoolConfig, 'connectBudgetMs' | 'connectTimeoutMs'>): number {
  return connectBudgetMs ?? ATTEMPTS_IN_BUDGET * connectTimeoutMs;
}
