import { afterAll } from 'vitest';

/** Anything that is stopped at the end of its tests. */
interface Stoppable {
  stop(): Promise<unknown>;
}

/**
 * For a `describe`: whatever is given to the function that this returns is stopped after its tests, last
 * one first, also when a later one failed to start.
 */
export function stopAfterwards(): <T extends Stoppable>(item: T) => T {
  const items: Stoppable[] = [];
  afterAll(async () => {
    const errors: unknown[] = [];
    for (const item of items.reverse()) {
      await item.stop().catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join('\n'));
  });
  return (item) => {
    items.push(item);
    return item;
  };
}
