/** A named set of backends, and how one of them is picked. */
import type { SearchLimits } from '../engine/engine.js';
import type { PoolLimits } from '../engine/tables.js';
import type { QueueRefusal } from '../model/close-reason.js';
import type { HealthConfig } from '../model/health.js';
import type { Client } from '../policy/pick-function.js';
import type { PickPlan } from '../policy/plan.js';
import type { Backend } from './backend.js';
import type { EjectionSettings } from './health/ejections.js';
import { RecentFailures } from './recent-failures.js';
import { type ClientPick, Selection, type SelectionSettings } from './selection.js';

/** What holds for all backends of a pool. */
export interface PoolSettings extends SelectionSettings {
  /** For a promise of the policy, in milliseconds; 0 is any time. */
  readonly pickMs: number;
  /** For one address to answer, in milliseconds; 0 is as long as the system allows. */
  readonly connectMs: number;
  readonly search: SearchLimits;
  /** Addresses of this machine that connections to the backends come from; none: the system picks. */
  readonly from: readonly string[];
  /** A backend that ends a session within this time, and has said nothing in it, has failed; 0 is off. */
  readonly earlyResetMs: number;
  readonly limits: PoolLimits;
  /** `undefined`: they are not checked. */
  readonly health: HealthConfig | undefined;
  /** `undefined`: none is ejected. */
  readonly ejection: EjectionSettings | undefined;
  /** Until a backend that is new, or up again, has all of its share, in milliseconds. */
  readonly slowStartMs: number;
  /** `undefined`: clients stay where they are. */
  readonly rebalance: { readonly perSecond: number; readonly idleMs: number } | undefined;
  /** See `SessionTimeouts`. */
  readonly maxAgeMs: number;
  /** What becomes of the sessions of a backend that a check finds down. */
  readonly onDown: 'keep' | 'close' | { readonly afterMs: number };
}

/** What a pool has for ever, and what it needs of others. */
export interface PoolHost {
  readonly name: string;
  /** What the engine knows it by. */
  readonly number: number;
  /** A clock, in milliseconds, that all times of the pool are of. */
  now(): number;
  /** How many clients wait for a place at one of its backends. */
  waiting(): number;
  /** A policy of the user's did not answer as it should for a client, who is disconnected. */
  onPickFailed(error: Error): void;
  /** A client is not served, for whom all backends were full. */
  onRefused(refusal: QueueRefusal): void;
}

export class Pool {
  readonly #host: PoolHost;
  readonly failures: RecentFailures;
  #settings: PoolSettings;
  #backends: readonly Backend[];
  #byName: ReadonlyMap<string, Backend>;
  /** Made when it is asked for: a turn may change many backends. */
  #selection: Selection | undefined;
  /** The last one. */
  #before: Selection | undefined;

  constructor(host: PoolHost, settings: PoolSettings, backends: readonly Backend[]) {
    this.#host = host;
    this.failures = new RecentFailures(() => host.now());
    this.#settings = settings;
    this.#backends = backends;
    this.#byName = byName(backends);
  }

  get name(): string {
    return this.#host.name;
  }

  get number(): number {
    return this.#host.number;
  }

  /** How many clients wait for a place. */
  get waiting(): number {
    return this.#host.waiting();
  }

  now(): number {
    return this.#host.now();
  }

  onPickFailed(error: Error): void {
    this.#host.onPickFailed(error);
  }

  onRefused(refusal: QueueRefusal): void {
    this.#host.onRefused(refusal);
  }

  get settings(): PoolSettings {
    return this.#settings;
  }

  /** In the order of the configuration. */
  get backends(): readonly Backend[] {
    return this.#backends;
  }

  find(name: string): Backend | undefined {
    return this.#byName.get(name);
  }

  /** Whether a backend of it can be picked. */
  get isServing(): boolean {
    return this.#backends.some(
      ({ isReady, isUp, addresses }) => isReady && isUp && addresses.length > 0,
    );
  }

  /** Whether the loops pick by cycles; else a function of the user's is asked. */
  get hasCycle(): boolean {
    return typeof this.#settings.policy === 'string';
  }

  /** As `Selection.plan`. */
  get plan(): PickPlan | undefined {
    return this.#selected.plan;
  }

  /** Has it pick by these from now on. */
  replace(settings: PoolSettings, backends: readonly Backend[]): void {
    const left = new Set(backends);
    for (const backend of this.#backends) if (!left.has(backend)) this.failures.forget(backend);
    this.#settings = settings;
    this.#backends = backends;
    this.#byName = byName(backends);
    this.selectAnew();
  }

  /** To be called when a weight or a state is another. */
  selectAnew(): void {
    this.#before = this.#selection ?? this.#before;
    this.#selection = undefined;
  }

  get #selected(): Selection {
    this.#selection ??= new Selection(this.#settings, this.#backends, this.#before);
    this.#before = undefined;
    return this.#selection;
  }

  /** The policy, for one client. */
  pickFor(client: Client): ClientPick {
    const byPlan = this.failures.last((tried) => this.#selected.pick(tried, client));
    // A policy of the user's knows best.
    return (tried) => (this.hasCycle ? byPlan(tried) : this.#selected.ask(tried, client));
  }
}

function byName(backends: readonly Backend[]): ReadonlyMap<string, Backend> {
  return new Map(backends.map((backend) => [backend.name, backend]));
}
