/** A proxy of one pool in the process of the test, which sees its figures and hears of its backends. */
import { onTestFinished } from 'vitest';
import type { ShortOptions } from '../../../src/config/options.js';
import { createProxy, type HealthStatus } from '../../../src/index.js';
import type { BackendEvent } from '../../../src/session/events.js';
import type { EngineName } from './proxy.js';
import { waitUntil } from './wait.js';

/**
 * For checks with a role. They are quick, and a server that is slow has time to answer; nobody is sent to one before it is
 * known what it is.
 */
export const primaryChecks = {
  interval: '300ms',
  fastInterval: '100ms',
  timeout: '30s',
  startDown: true,
} as const;

/** Something that happened to a backend. */
export interface Change extends BackendEvent {
  /** When, by `performance.now()`. */
  readonly at: number;
}

/** Closed when the test ends. */
export async function startPool(
  engine: EngineName,
  options: Omit<ShortOptions, 'listen' | 'engine' | 'threads'>,
) {
  const proxy = await createProxy({ engine, threads: 2, listen: '127.0.0.1:0', ...options });
  onTestFinished(() => proxy.close());
  const changes: Change[] = [];
  proxy.on('backend', (change) => changes.push({ ...change, at: performance.now() }));
  const figures = (name: string) => {
    const found = proxy.stats().backends.find((backend) => backend.name === name);
    if (found === undefined) throw new Error(`there is no backend ${name}`);
    return found;
  };
  const [address] = proxy.addresses() as { port: number }[];
  return {
    proxy,
    port: address?.port ?? 0,
    /** What the backends have been since the start, in words: `db-1: up -> down: connect refused ×3`. */
    told: () =>
      changes.map(({ backend, from, to, reason }) => `${backend}: ${from} -> ${to}: ${reason}`),
    changes,
    figures,
    /** Resolves when each of these backends has had so many more sessions. */
    async moreAt(names: readonly string[], sessions = 30): Promise<void> {
      const before = names.map((name) => figures(name).opened);
      await waitUntil(
        () => names.every((name, index) => figures(name).opened >= (before[index] ?? 0) + sessions),
        { what: `${sessions} more sessions at ${names.join(', ')}` },
      );
    },
    /** Resolves when a backend is so. */
    async is(name: string, status: HealthStatus): Promise<void> {
      await waitUntil(() => figures(name).health.status === status, {
        what: `${name} to be ${status}`,
      });
    },
  };
}
