/** What was set of backends by hand, beside what the configuration says of them. */
import { overlayDropped, overlayHolds } from '../errors/messages.js';
import type { BackendConfig } from '../model/backend.js';
import { formatOverridden, isOverridden, type Overlay } from '../model/overlay.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { labelOf } from './backend-reports.js';

/** All that is set now. A copy. */
export function overlayOf(pools: Iterable<Pool>): Overlay {
  const entries = Array.from(pools, ({ name, backends }) => {
    const set = backends.filter(({ override }) => isOverridden(override));
    return [
      name,
      Object.fromEntries(set.map((item) => [item.name, { ...item.override }])),
    ] as const;
  });
  return Object.fromEntries(entries.filter(([, set]) => Object.keys(set).length > 0));
}

/** Of an overlay what is of backends that there are not; nothing where there are all. */
export function droppedOf(overlay: Overlay, pools: ReadonlyMap<string, Pool>): string | undefined {
  const labels = Object.entries(overlay).flatMap(([pool, set]) =>
    Object.keys(set)
      .filter((name) => pools.get(pool)?.find(name) === undefined)
      .map((name) => labelOf({ pool, name })),
  );
  return labels.length === 0 ? undefined : overlayDropped(labels);
}

/** Collects where a change of the configuration has no effect, since something else was set by hand. */
export class HeldOverrides {
  readonly #held: string[] = [];

  /** @param from how the backend was configured before */
  note(backend: Backend, from: BackendConfig): void {
    const { override, config } = backend;
    for (const key of ['weight', 'maxSessions'] as const) {
      const set = override[key];
      const [before, after] = [from[key] ?? 0, config[key] ?? 0];
      if (set === undefined || before === after || set === after) continue;
      const [holds, not] = [set, after].map((value) => formatOverridden(key, value));
      this.#held.push(`${labelOf(backend)} (${key} ${holds}, not ${not})`);
    }
  }

  /** One line for all of them; nothing where there are none. */
  get message(): string | undefined {
    return this.#held.length === 0 ? undefined : overlayHolds(this.#held);
  }
}
