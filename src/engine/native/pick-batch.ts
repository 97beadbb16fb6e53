/** Picks on their way to the loops, as many as possible in one call. */
import { type NativeEngineBinding, NONE } from './binding.js';

/** A session that waits for a backend. */
interface Waiting {
  /** `undefined` once it has ended. */
  readonly name: number | undefined;
}

export class PickBatch {
  readonly #binding: Pick<NativeEngineBinding, 'connect'>;
  readonly #picks: { readonly session: Waiting; readonly backend: number | 'by cycle' }[] = [];
  #held = false;

  constructor(binding: Pick<NativeEngineBinding, 'connect'>) {
    this.#binding = binding;
  }

  /** Sends the session to a backend: at once, or with others while `hold` runs. */
  add(session: Waiting, backend: number | 'by cycle'): void {
    this.#picks.push({ session, backend });
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
    // A session may have ended since its pick.
    const pairs = this.#picks
      .splice(0)
      .flatMap(({ session: { name }, backend }) =>
        name === undefined ? [] : [name, backend === 'by cycle' ? NONE : backend],
      );
    if (pairs.length > 0) this.#binding.connect(Float64Array.from(pairs));
  }
}
