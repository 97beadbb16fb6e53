/** How backends and pools are. */
import type { ControlBackend, ControlStatus } from '../../control/types.js';
import type { Style } from './terminal.js';

/** Whether new sessions may come, by what an operator and its health say. */
export const isPicked = ({ state, health }: Pick<ControlBackend, 'state' | 'health'>): boolean =>
  state === 'ready' && (health.status === 'up' || health.status === 'checking');

export const healthStyles: Readonly<Record<ControlBackend['health']['status'], Style>> = {
  checking: 'dim',
  up: 'green',
  down: 'red',
  ejected: 'red',
};

export function poolsWithoutBackend({
  pools,
  backends,
}: Pick<ControlStatus, 'pools' | 'backends'>): string[] {
  const served = new Set(backends.filter(isPicked).map(({ pool }) => pool));
  return pools.map(({ name }) => name).filter((name) => !served.has(name));
}
