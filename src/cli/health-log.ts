/** What becomes of backends, as log lines. */
import { DEFAULT_NAME } from '../config/services.js';
import type { BackendEvent } from '../session/events.js';
import type { Logger } from './log.js';
import type { RateLimit } from './rate-limit.js';

/** Names in a line that stands for many backends. */
const NAMES_MOST = 20;

/**
 * A line for each change, at once. But where the first checks of many backends pass, as at the start of a pool of thousands, the
 * first line is followed by one a second, which stands for all that came up meanwhile. What fails has its own line always.
 */
export class HealthLog {
  readonly #log: Logger;
  readonly #limit: RateLimit;
  /** Whose line is held back, by pool and name. */
  readonly #held = new Map<string, Map<string, BackendEvent>>();

  constructor(log: Logger, limit: RateLimit) {
    this.#log = log;
    this.#limit = limit;
  }

  write(event: BackendEvent): void {
    const { pool, backend, from, to } = event;
    const held = this.#held.get(pool) ?? new Map<string, BackendEvent>();
    // Lines of one backend keep their order.
    const before = held.get(backend);
    if (held.delete(backend) && before !== undefined) this.#one(before);
    if (from !== 'checking' || to !== 'up') {
      this.#one(event);
      return;
    }
    this.#held.set(pool, held.set(backend, event));
    this.#limit.report(`first checks of ${pool}`, () => {
      this.#held.delete(pool);
      const [first, second] = held.values();
      if (second !== undefined) this.#many(pool, [...held.keys()]);
      else if (first !== undefined) this.#one(first);
    });
  }

  #one({ pool, backend, from, to, reason }: BackendEvent): void {
    const label = labelOf(pool, backend);
    const level = to === 'down' || to === 'ejected' ? 'warn' : 'info';
    this.#log[level]({ pool, backend, from, to }, `backend ${label} is ${to}: ${reason}`);
  }

  #many(pool: string, names: readonly string[]): void {
    const count = names.length;
    const shown = names.slice(0, NAMES_MOST);
    const others = count > shown.length ? ` and ${count - shown.length} others` : '';
    this.#log.info(
      { pool, from: 'checking', to: 'up', count },
      `pool ${pool}: ${count} backends are up, as their first checks say: ${shown.join(', ')}${others}`,
    );
  }
}

/** How a backend is called in a line. */
export function labelOf(pool: string, backend: string): string {
  return pool === DEFAULT_NAME ? backend : `${pool}/${backend}`;
}
