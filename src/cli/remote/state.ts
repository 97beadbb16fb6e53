/** How backends and pools are. */
import type { ControlBackend, ControlStatus } from '../../control/types.js';
import type { Style, Styled } from './terminal.js';

type Known = Pick<ControlBackend, 'state' | 'health' | 'isUnresolved'>;

const isWell = ({ health }: Pick<Known, 'health'>) =>
  health.status === 'up' || health.status === 'checking';

/** Whether new sessions may come, by what an operator, its health and its name say. */
export const isPicked = (backend: Known): boolean =>
  backend.state === 'ready' && isWell(backend) && backend.isUnresolved !== true;

const healthStyles: Readonly<Record<ControlBackend['health']['status'], Style>> = {
  checking: 'dim',
  up: 'green',
  down: 'red',
  ejected: 'red',
};

/** Of one that is well, nobody can connect to a name without an address. */
export function healthOf(backend: Omit<Known, 'state'>): Styled & { readonly style: Style } {
  const { status } = backend.health;
  if (backend.isUnresolved && isWell(backend)) return { text: 'no address', style: 'red' };
  return { text: status, style: healthStyles[status] };
}

export function poolsWithoutBackend({
  pools,
  backends,
}: Pick<ControlStatus, 'pools' | 'backends'>): string[] {
  const served = new Set(backends.filter(isPicked).map(({ pool }) => pool));
  return pools.map(({ name }) => name).filter((name) => !served.has(name));
}
