/** How a pool and a backend are, in a word and a colour. */
import type { ControlBackend, ControlPool } from '../../control/types.js';
import { healthOf, isPicked } from '../remote/state.js';
import type { Styled } from '../remote/terminal.js';

/** What an operator wants of it stands before what checks say. */
export function stateOf(
  backend: Pick<ControlBackend, 'state' | 'health' | 'isUnresolved'>,
): Styled {
  const { state, health } = backend;
  const { status } = health;
  if (state === 'ready') return healthOf(backend);
  // One in maintenance is not checked, and of one that is gone nobody asks.
  const isIll = state === 'drain' && status !== 'up';
  return { text: isIll ? `${state}, ${status}` : state, style: isIll ? 'red' : 'yellow' };
}

/** Of all backends of a pool, those that are removed left out. */
export function stateOfPool(backends: readonly ControlBackend[]): Styled {
  const there = backends.filter(({ state }) => state !== 'removed');
  const picked = there.filter(isPicked).length;
  if (picked === 0) return { text: 'down', style: 'red' };
  if (picked === there.length) return { text: 'up', style: 'green' };
  return { text: `${picked} of ${there.length} up`, style: 'yellow' };
}

/** Seconds, since the pool is there. */
export interface ConnectTimes {
  readonly p50: number;
  readonly p99: number;
}

/** @returns `undefined` where no session has opened */
export function connectTimesOf({ summaries }: ControlPool): ConnectTimes | undefined {
  const { p50, p99 } = summaries.connect;
  return p50 === undefined || p99 === undefined ? undefined : { p50, p99 };
}
