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

type Known = Pick<BackendStats, 'state' | 'health' | 'isUnresolved'>;

export function wordOf(backend: Known): BackendWord {
  if (backend.state !== 'ready') return backend.state;
  return isOutForItsName(backend) ? 'down' : backend.health.status;
}

/** Whether all is well with it but its name: nobody can connect to it. */
export function isOutForItsName({ health: { status }, isUnresolved }: Known): boolean {
  return isUnresolved === true && (status === 'up' || status === 'checking');
}
