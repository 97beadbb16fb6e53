/** The backends to try for one client. */

import type { NextHop, QueueWord, Route } from '../engine/engine.js';
import type { ResolvedAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import type { CloseReason, QueueRefusal } from '../model/close-reason.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { MOMENT_MS } from '../pool/recent-failures.js';
import type { ClientPick } from '../pool/selection.js';
import { waitAtMost } from '../pool/wait.js';
import { Promised } from './promised.js';

/** The route of one session. */
export interface ClientRoute extends Route {
  /** An address of the backend at hand has failed. */
  attemptFailed(): void;
  /** This machine has no local port, or no source address, for the backend at hand: it has not failed, nor is it full. */
  lacked(): void;
  /** The session has ended, for this reason. */
  end(reason: CloseReason): void;
  /** What a filter or a policy of the user's did in place of an answer, where the client is not served for that. */
  readonly failure?: Error | undefined;
  /** Why the client does not wait for a place, or waits no longer, where it is not served for that. */
  readonly refusal?: QueueRefusal | undefined;
}

/** By the policy of a pool. @param listener where the client came from, for a policy that asks */
export function policyRoute(pool: Pool, client: ClientAddress, listener: string): ClientRoute {
  return new PoolRoute(pool, pool.pickFor({ client, listener }));
}

/** What was known of a backend when it was tried. */
interface Trial {
  readonly backend: Backend;
  readonly addresses: readonly ResolvedAddress[];
  readonly generation: number;
}

/**
 * Every backend once, in the order of the policy. Where some had no room, and all others have failed, the client waits in
 * the queue of the pool, if it has one; all are tried again when its turn has come, but for those
 * that have failed it a moment ago. When all have failed, names that now
 * resolve to other addresses get one more try: a backend that moved is the usual reason why none answers.
 */
export class PoolRoute implements ClientRoute {
  readonly #pool: Pool;
  readonly #pick: ClientPick;
  readonly #promised = new Promised();
  readonly #tried = new Set<Backend>();
  /** When those of them that could not serve it at all have failed; the others had no room. */
  readonly #failed = new Map<Backend, number>();
  #trials: Trial[] = [];
  #secondRound: Trial[] | undefined;
  /** The backend that was picked last: the client is on its way to it, or there. */
  #current: Backend | undefined;
  /** It was tried, and not passed over as full. */
  #hasFailed = false;
  #hasEnded = false;
  #failure: Error | undefined;
  #isNew = true;
  #refusal: QueueRefusal | undefined;

  /** @param pick may also be of one backend of the pool alone */
  constructor(pool: Pool, pick: ClientPick) {
    this.#pool = pool;
    this.#pick = pick;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get pool(): number {
    return this.#pool.number;
  }

  get refusal(): QueueRefusal | undefined {
    return this.#refusal;
  }

  /** In the common case the answer is there at once, and no promise is made. */
  next(word?: QueueWord): NextHop | Promise<NextHop> {
    // Whoever asks again has failed at every address of the last one: it may have moved.
    this.#leaveFailed();
    if (this.#secondRound !== undefined) return this.#nextOfSecondRound();
    if (word === 'full' || word === 'timeout') return this.#giveUpWaiting(word);
    if (word === 'turn') {
      this.#forgive();
      this.#tryAgain();
    }
    // Whose turn it is has waited already: by a cycle, before a function became the policy.
    const isNew = this.#isNew && word === undefined;
    this.#isNew = false;
    const { backends, settings, waiting } = this.#pool;
    // It may be removed: then its number, and so its queue, may be another's.
    if (backends.length === 0) return undefined;
    // Those who wait already came before. Where nobody may wait any more, it could not stand behind them.
    if (isNew && settings.limits.queueLength > 0 && waiting > 0) return 'queue';
    return this.#pickNext();
  }

  #pickNext(): NextHop | Promise<NextHop> {
    try {
      const picked = this.#pick(this.#tried);
      return picked instanceof Promise ? this.#wait(picked) : this.#goTo(picked);
    } catch (error) {
      return this.#fail(error);
    }
  }

  attemptFailed(): void {
    this.#hasFailed = true;
  }

  lacked(): void {
    if (this.#current !== undefined) this.#noteFailed(this.#current);
  }

  end(reason: CloseReason): void {
    this.#hasEnded = true;
    this.#promised.stop(() => new Error('the client has left'));
    // Its search may have been over before it asked again.
    if (reason === 'no-backend') this.#leaveFailed();
    else this.#leave();
  }

  /** For a policy of the user's, as long as that may take. */
  async #wait(picked: Promise<Backend | undefined>): Promise<NextHop> {
    try {
      const backend = await this.#promised.wait(picked, 'policy', this.#pool.settings.pickMs);
      if (this.#hasEnded) return undefined;
      // It was drained or taken out meanwhile: there are others to pick from.
      if (backend?.isReady === false) return await this.#pickNext();
      return await this.#goTo(backend);
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** The policy does not do what it should: its client gets no other backend. */
  #fail(error: unknown): undefined {
    this.#secondRound = [];
    this.#failure = error instanceof Error ? error : new Error(String(error));
    if (!this.#hasEnded) this.#pool.onPickFailed(this.#failure);
  }

  #goTo(backend: Backend | undefined): NextHop | Promise<NextHop> {
    if (backend === undefined) return this.#mayWait() ? 'queue' : this.#nextOfSecondRound();
    this.#tried.add(backend);
    this.#enter(backend);
    return backend.addresses.length > 0 ? this.#try(backend) : this.#resolveThenTry(backend);
  }

  /** One that had no room may have it later; nobody waits for those that have failed, or are down. */
  #mayWait(): boolean {
    if (this.#pool.settings.limits.queueLength === 0) return false;
    return [...this.#tried].some(
      (backend) => !this.#failed.has(backend) && backend.isReady && backend.isUp,
    );
  }

  #noteFailed(backend: Backend): void {
    this.#failed.set(backend, this.#pool.now());
  }

  /** It may have waited for long: what has failed it before may be well again. */
  #forgive(): void {
    for (const [backend, failedAt] of this.#failed) {
      // Else it would use up its attempts at once, at one that has room since it fails.
      if (this.#pool.now() >= failedAt + MOMENT_MS) this.#failed.delete(backend);
    }
  }

  #tryAgain(): void {
    for (const backend of this.#tried) if (!this.#failed.has(backend)) this.#tried.delete(backend);
    this.#trials = this.#trials.filter(({ backend }) => this.#failed.has(backend));
  }

  #giveUpWaiting(refusal: QueueRefusal): NextHop | Promise<NextHop> {
    this.#refusal = refusal;
    this.#pool.onRefused(refusal);
    this.#tryAgain();
    return this.#nextOfSecondRound();
  }

  #try(backend: Backend): number {
    const { addresses, generation, isName, row } = backend;
    if (isName && addresses.length > 0) this.#trials.push({ backend, addresses, generation });
    return row;
  }

  #enter(backend: Backend): void {
    // A lookup may outlive the client.
    if (this.#hasEnded) return;
    backend.enter();
    this.#current = backend;
    this.#hasFailed = false;
  }

  #leaveFailed(): void {
    const failed = this.#leave();
    if (failed !== undefined && this.#hasFailed) {
      this.#noteFailed(failed);
      this.#pool.failures.note(failed);
    }
    void failed?.resolve();
  }

  #leave(): Backend | undefined {
    const backend = this.#current;
    this.#current = undefined;
    backend?.leave();
    return backend;
  }

  /** A name that has never resolved. Without an address, it fails as any backend does that cannot be reached. */
  async #resolveThenTry(backend: Backend): Promise<NextHop> {
    await this.#lookup(backend);
    // Its row may be another's by now.
    if (backend.isGone) return this.#pickNext();
    // The engine passes it over without a word.
    if (backend.addresses.length === 0) this.#noteFailed(backend);
    return this.#try(backend);
  }

  #nextOfSecondRound(): undefined | Promise<number | undefined> {
    this.#secondRound ??= this.#trials.splice(0);
    return this.#secondRound.length === 0 ? undefined : this.#retry(this.#secondRound);
  }

  async #retry(round: Trial[]): Promise<number | undefined> {
    for (let trial = round.shift(); trial !== undefined; trial = round.shift()) {
      const { backend, addresses: before, generation } = trial;
      // The failed attempt may have started a lookup already; its answer is as good as a new one.
      if (backend.generation === generation) await this.#lookup(backend);
      if (!backend.isReady || sameAddresses(before, backend.addresses)) continue;
      this.#enter(backend);
      return backend.row;
    }
    return undefined;
  }

  /** Resolvers may take half a minute to give up; the client should not. */
  #lookup(backend: Backend): Promise<void> {
    return waitAtMost(backend.resolve(), this.#pool.settings.connectMs);
  }
}

/** The same set; a resolver that rotates its answers has not moved anything. */
function sameAddresses(
  before: readonly ResolvedAddress[],
  after: readonly ResolvedAddress[],
): boolean {
  const keys = new Set(before.map((address) => JSON.stringify(address)));
  return after.every((address) => keys.has(JSON.stringify(address)));
}
