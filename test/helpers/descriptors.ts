/** What this process has open. */
import { readdirSync, readlinkSync } from 'node:fs';
import { until } from './deadline.js';

export interface OpenDescriptors {
  readonly total: number;
  readonly pipes: number;
}

export function openDescriptors(): OpenDescriptors {
  const targets = readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      // The descriptor of the listing itself is closed by now.
      return [];
    }
  });
  return {
    total: targets.length,
    pipes: targets.filter((target) => target.startsWith('pipe:')).length,
  };
}

/** Resolves when no more is open than before; the last sockets close a moment after their sessions. */
export function untilBackTo(before: OpenDescriptors): Promise<void> {
  return until(`no more open than before (${JSON.stringify(before)})`, () => {
    const now = openDescriptors();
    return now.total <= before.total && now.pipes <= before.pipes;
  });
}
