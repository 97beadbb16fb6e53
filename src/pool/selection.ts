/** Who may be picked, and how: as it is until a backend, its weight or its state is another. */
import type { PickFunction } from '../policy/pick-function.js';
import { type Client, createPolicy, type Policy } from '../policy/policy.js';
import type { PolicyName } from '../policy/registry.js';
import type { Backend } from './backend.js';

/** Picks for one client, who has tried some in vain. Whoever tries backends needs no more of a policy. */
export type ClientPick = (tried: ReadonlySet<Backend>) => Backend | undefined;

/** Immutable but for whose turn it is. */
export class Selection {
  /** Those that may be picked, in the order of the pool. */
  readonly #backends: readonly Backend[];
  readonly #indexes: ReadonlyMap<Backend, number>;
  readonly #policy: Policy | undefined;

  /** @param before the one that this one takes the place of, whose turns go on */
  constructor(
    choice: PolicyName | PickFunction,
    backends: readonly Backend[],
    before?: Selection | undefined,
  ) {
    const ready = backends.filter(({ isReady }) => isReady);
    this.#backends = ready;
    this.#indexes = new Map(ready.map((backend, index) => [backend, index]));
    if (ready.length === 0) return;
    // A function of the user's gets views that it cannot change.
    const shown =
      typeof choice === 'function' ? Object.freeze(ready.map((backend) => backend.shown)) : ready;
    this.#policy = createPolicy(choice, shown, before?.turn);
  }

  /** The policy's pick; `undefined` when it has none, or nobody may be picked. */
  pick(tried: ReadonlySet<Backend>, client: Client): Backend | undefined {
    const indexes = new Set<number>();
    for (const backend of tried) {
      const index = this.#indexes.get(backend);
      if (index !== undefined) indexes.add(index);
    }
    const index = this.#policy?.pick(indexes, client);
    return index === undefined ? undefined : this.#backends[index];
  }

  /** As `Policy.turn`. */
  get turn(): number | undefined {
    return this.#policy?.turn;
  }

  /** Rows, as `Policy.cycle`. */
  cycle(): Uint16Array | undefined {
    return this.#policy?.cycle()?.map((index) => this.#backends[index]?.row ?? 0);
  }
}
