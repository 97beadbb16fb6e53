import type { Candidate } from './candidate.js';
import { clientHash } from './client-hash.js';
import type { Client } from './pick-function.js';
import type { PickPlan } from './plan.js';
import { Tier } from './tier.js';

/** What it has of the one whose place it takes, and for tests. */
export interface PlannedPolicyOptions {
  /** As `PlannedPolicy.turn`. Else of backends that change often the first would be met most. */
  readonly turn?: number | undefined;
  /** Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Picks by a plan, as the loops of the native engine do, for clients that they do not pick for. */
export class PlannedPolicy {
  /** With places in the list of backends for rows. */
  readonly plan: PickPlan;
  readonly #backends: readonly Candidate[];
  readonly #tiers: readonly Tier[];

  /** @param backends those of the plan */
  constructor(
    plan: PickPlan,
    backends: readonly Candidate[],
    { turn = 0, random = Math.random }: PlannedPolicyOptions = {},
  ) {
    this.plan = plan;
    this.#backends = backends;
    this.#tiers = plan.tiers.map((cycle) => new Tier(cycle, turn, random));
  }

  /** How far it has come, for the policy that takes its place: a part of a round, from 0 to 1. */
  get turn(): number {
    return this.#tiers[0]?.turn ?? 0;
  }

  /**
   * Picks the backend of a client: of the first tier that has one that is ready, up, and not tried. Those that are down are
   * picked where the plan says so and none is up.
   *
   * @param tried those that failed for this very client; empty at its first pick
   * @returns its place in the list of backends; `undefined` when none is left
   */
  pick(tried: ReadonlySet<number>, client: Client): number | undefined {
    const isLeft = (place: number) => !tried.has(place) && this.#backends[place]?.isReady === true;
    const isUp = (place: number) => this.#backends[place]?.isUp === true;
    const isFirst = tried.size === 0;
    const picked = this.#enter(client, isFirst, (place) => isLeft(place) && isUp(place));
    if (picked !== undefined || !this.plan.triesDown) return picked;
    const isAnyUp = this.#backends.some(({ isReady }, place) => isReady && isUp(place));
    return isAnyUp ? undefined : this.#enter(client, isFirst, isLeft);
  }

  #enter(
    { client }: Client,
    isFirst: boolean,
    isFree: (place: number) => boolean,
  ): number | undefined {
    const { entry, hashKey } = this.plan;
    const hash = hashKey === undefined ? undefined : clientHash(client, hashKey);
    const openAt = (place: number) => this.#backends[place]?.open ?? 0;
    for (const tier of this.#tiers) {
      const picked = tier.enter({ entry, isFirst, hash, isFree, openAt });
      if (picked !== undefined) return picked;
    }
    return undefined;
  }
}
