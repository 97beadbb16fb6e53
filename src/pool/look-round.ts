/** Whether some backends of a pool are as they should be, also where most of thousands are not. */
import type { Backend } from './backend.js';

/**
 * Looks round a pool from where the last look has found one. So those that are out are passed once, and not at each look: a
 * pool that goes down backend by backend costs about one look at each.
 */
export class LookRound {
  #from = 0;

  /** Whether as many as `count` pass; it looks at no more than it has to. */
  finds(count: number, { backends }: Looked, passes: (backend: Backend) => boolean): boolean {
    const from = this.#from < backends.length ? this.#from : 0;
    let found = 0;
    const look = (index: number) => {
      const backend = backends[index];
      if (backend === undefined || !passes(backend)) return;
      if (found === 0) this.#from = index;
      found += 1;
    };
    for (let index = from; index < backends.length && found < count; index++) look(index);
    for (let index = 0; index < from && found < count; index++) look(index);
    return found >= count;
  }
}

interface Looked {
  readonly backends: readonly Backend[];
}
