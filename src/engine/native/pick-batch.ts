/** Picks on their way to the loops, and who waits for a place, as many as possible in one call. */
import { type NativeEngineBinding, NONE } from './binding.js';

/** A session that waits for a backend. */
interface Waiting {
  /** `undefined` once it has ended. */
  readonly name: number | undefined;
}

export class PickBatch {
  readonly #binding: Pick<NativeEngineBinding, 'connect' | 'queue'>;
  /** With the row of a backend each. */
  readonly #picks: (readonly [session: Waiting, row: number])[] = [];
  /** With the number of a pool each. */
  readonly #queued: (readonly [session: Waiting, pool: number])[] = [];
  #held = false;

  constructor(binding: Pick<NativeEngineBinding, 'connect' | 'queue'>) {
    this.#binding = binding;
  }

  /** Sends the session to a backend: at once, or with others while `hold` runs. */
  add(session: Waiting, backend: number | 'by cycle'): void {
    this.#picks.push([session, backend === 'by cycle' ? NONE : backend]);
    if (!this.#held) this.#flush();
  }

  /** Has the session wait for a place in a pool. */
  queue(session: Waiting, pool: number): void {
    this.#queued.push([session, pool]);
    if (!this.#held) this.#flush();
  }

  /** Collects the picks that are made meanwhile, and answers them all in one call. */
  hold(action: () => void): void {
    this.#held = true;
    try {
      action();
    } finally {
      this.#held = false;
      this.#flush();
    }
  }

  #flush(): void {
    const picks = wordsOf(this.#picks.splice(0));
    if (picks.length > 0) this.#binding.connect(picks);
    const queued = wordsOf(this.#queued.splice(0));
    if (queued.length > 0) this.#binding.queue(queued);
  }
}

/** A session may have ended since its pick. */
function wordsOf(pairs: readonly (readonly [session: Waiting, number: number])[]): Float64Array {
  return Float64Array.from(
    pairs.flatMap(([{ name }, number]) => (name === undefined ? [] : [name, number])),
  );
}
