/** Who may be picked, and how: as it is until a backend, its weight or its state is another. */
import { isDeepStrictEqual } from 'node:util';
import type { HashSettings, Placed } from '../policy/candidate.js';
import { CustomPolicy } from '../policy/custom.js';
import type { Client, PickFunction } from '../policy/pick-function.js';
import type { PickPlan } from '../policy/plan.js';
import { PlannedPolicy } from '../policy/planned-policy.js';
import { type PolicyName, policies } from '../policy/registry.js';
import type { Backend } from './backend.js';
import { WARM } from './slow-start.js';

/**
 * Picks for one client, who has tried some in vain; throws or rejects where a policy of the user's does. Whoever tries
 * backends needs no more of a policy.
 */
export type ClientPick = (
  tried: ReadonlySet<Backend>,
) => Backend | undefined | Promise<Backend | undefined>;

/** How backends are picked. */
export interface SelectionSettings {
  readonly policy: PolicyName | PickFunction;
  readonly hash: HashSettings;
  /** As `PickPlan.triesDown`. */
  readonly triesDown: boolean;
}

/** What a plan was made of. The table of `source-hash` takes its time, and seldom is another one. */
interface Ingredients {
  readonly policy: PolicyName;
  readonly hash: HashSettings;
  readonly placed: readonly Placed[];
}

/** Immutable but for whose turn it is. */
export class Selection {
  /** Those that the policy is told of, in the order of the pool. */
  readonly #backends: readonly Backend[];
  readonly #indexes: ReadonlyMap<Backend, number>;
  readonly #planned: PlannedPolicy | undefined;
  readonly #ingredients: Ingredients | undefined;
  readonly #custom: CustomPolicy | undefined;

  /** @param before the one that this one takes the place of, whose turns go on */
  constructor(
    { policy, hash, triesDown }: SelectionSettings,
    backends: readonly Backend[],
    before?: Selection | undefined,
  ) {
    const builtIn = typeof policy === 'string' ? policies[policy] : undefined;
    const told =
      builtIn === undefined ? ready(backends) : builtIn.placesAll ? backends : up(backends);
    this.#backends = told;
    this.#indexes = new Map(told.map((backend, index) => [backend, index]));
    if (told.length === 0) return;
    if (typeof policy === 'function') {
      // A function of the user's gets views that it cannot change.
      this.#custom = new CustomPolicy(policy, Object.freeze(told.map(({ shown }) => shown)));
      return;
    }
    const placed = builtIn?.placesAll ? told.map(placeOf) : warmed(told);
    this.#ingredients = { policy, hash, placed };
    const made = before?.planOf(this.#ingredients) ?? policies[policy].plan(placed, hash);
    this.#planned = new PlannedPolicy({ ...made, triesDown }, told, { turn: before?.turn });
  }

  /** The pick of a policy that is built in; `undefined` when it has none. */
  pick(tried: ReadonlySet<Backend>, client: Client): Backend | undefined {
    return this.#at(this.#planned?.pick(this.#indexesOf(tried), client));
  }

  /** The pick of a policy that is a function: as `CustomPolicy.pick`. */
  ask(
    tried: ReadonlySet<Backend>,
    client: Client,
  ): Backend | undefined | Promise<Backend | undefined> {
    const picked = this.#custom?.pick(this.#indexesOf(tried), client);
    return picked instanceof Promise ? picked.then((index) => this.#at(index)) : this.#at(picked);
  }

  /** Its own plan, if it was made of the very same. */
  planOf(ingredients: Ingredients): PickPlan | undefined {
    const isSame = isDeepStrictEqual(this.#ingredients, ingredients);
    return isSame ? this.#planned?.plan : undefined;
  }

  /** As `PlannedPolicy.turn`. */
  get turn(): number | undefined {
    return this.#planned?.turn;
  }

  /** For loops that pick by themselves; `undefined` where only a function can tell, or nobody may be picked. */
  get plan(): PickPlan | undefined {
    const plan = this.#planned?.plan;
    if (plan === undefined) return undefined;
    const rowOf = (index: number) => this.#backends[index]?.row ?? 0;
    return { ...plan, tiers: plan.tiers.map((cycle) => cycle.map(rowOf)) };
  }

  #at(index: number | undefined): Backend | undefined {
    return index === undefined ? undefined : this.#backends[index];
  }

  #indexesOf(backends: ReadonlySet<Backend>): Set<number> {
    const indexes = new Set<number>();
    for (const backend of backends) {
      const index = this.#indexes.get(backend);
      if (index !== undefined) indexes.add(index);
    }
    return indexes;
  }
}

const ready = (backends: readonly Backend[]) => backends.filter(({ isReady }) => isReady);

/** Those that get sessions; where no backend is up, those that would. */
function up(backends: readonly Backend[]): readonly Backend[] {
  const wanted = ready(backends);
  const some = wanted.filter(({ isUp }) => isUp);
  return some.length > 0 ? some : wanted;
}

const placeOf = ({ name, weight, priority }: Backend): Placed => ({ name, weight, priority });

/** With the weights that they have now, as parts of those that they will have. */
function warmed(backends: readonly Backend[]): readonly Placed[] {
  if (backends.every(({ warmth }) => warmth === WARM)) return backends.map(placeOf);
  return backends.map((backend) => {
    const { weight, ...place } = placeOf(backend);
    return { ...place, weight: weight * backend.warmth };
  });
}
