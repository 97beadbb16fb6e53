import type { BackendStats } from '../../observe/stats.js';

/** What becomes of a backend, in one word: what is asked of it where that is not `ready`, or else its health. */
export const backendWords = [
  'up',
  'checking',
  'down',
  'ejected',
  'drain',
  'maintenance',
  'removed',
] as const;

export type BackendWord = (typeof backendWords)[number];

export function wordOf({ state, health }: Pick<BackendStats, 'state' | 'health'>): BackendWord {
  return state === 'ready' ? health.status : state;
}
