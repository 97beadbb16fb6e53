/** What was set of backends by hand, while they run. */
import type { AdminState } from './admin-state.js';

/** What was set of one backend by hand. It holds instead of what options, checks and traffic say; what is absent was not set. */
export interface BackendOverride {
  /** What is wanted of it. */
  readonly state?: Exclude<AdminState, 'ready'>;
  /** Whether it is up, whatever checks and traffic say. */
  readonly health?: 'up' | 'down';
  /** 1 to 1000. */
  readonly weight?: number;
  /** Sessions at once; 0 is any number. */
  readonly maxSessions?: number;
}

/** What was set by hand: by name of the pool, and then of the backend. Those of whom nothing was set are absent. */
export type Overlay = Readonly<Record<string, Readonly<Record<string, BackendOverride>>>>;

/** What of a backend can be set by hand. */
export type OverrideKey = keyof BackendOverride;

/** In the order in which people are told of them. */
export const overrideKeys = [
  'state',
  'health',
  'weight',
  'maxSessions',
] as const satisfies readonly OverrideKey[];

/** Whether anything was set. */
export function isOverridden(override: BackendOverride): boolean {
  return overrideKeys.some((key) => override[key] !== undefined);
}

/** What was set of one backend, in an overlay. */
export function overrideIn(overlay: Overlay, pool: string, name: string): BackendOverride {
  const ofPool = Object.hasOwn(overlay, pool) ? overlay[pool] : undefined;
  return (ofPool !== undefined && Object.hasOwn(ofPool, name) ? ofPool[name] : undefined) ?? {};
}

/** For people: `state drain, weight 3`. */
export function formatOverride(override: BackendOverride): string {
  return overrideKeys
    .filter((key) => override[key] !== undefined)
    .map((key) => `${key} ${formatOverridden(key, override[key])}`)
    .join(', ');
}

/** One value for people: `3`, or `any number`. */
export function formatOverridden(key: OverrideKey, value: string | number | undefined): string {
  return key === 'maxSessions' && value === 0 ? 'any number' : String(value);
}
