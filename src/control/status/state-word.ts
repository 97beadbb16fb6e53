import type { BackendStats } from '../../observe/stats.js';

/** What becomes of a backend, in one word. */
export type BackendWord =
  | 'up'
  | 'checking'
  | 'down'
  | 'ejected'
  | 'drain'
  | 'maintenance'
  | 'removed';

export function wordOf({ state, health }: Pick<BackendStats, 'state' | 'health'>): BackendWord {
  return state === 'ready' ? health.status : state;
}
