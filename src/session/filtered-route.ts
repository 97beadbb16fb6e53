import type { NextHop, QueueWord } from '../engine/engine.js';
import { SplicewayError } from '../errors/catalogue.js';
import { sessionError } from '../errors/session-errors.js';
import type { CloseReason, QueueRefusal } from '../model/close-reason.js';
import type { FilterContext, FilterFunction } from '../policy/filter-function.js';
import { isThenable } from '../policy/thenable.js';
import { Promised } from './promised.js';
import type { ClientRoute } from './route.js';

type Client = Omit<FilterContext, 'signal'>;

export interface Gate {
  readonly filter: FilterFunction;
  /** How long it may take to answer; 0 is any time. */
  readonly limitMs: number;
  /** It failed for a client, who was denied. */
  onFailed(error: Error): void;
}

/** A route that a client is let in to first. Whatever the filter does but answer with `true` denies. */
export class FilteredRoute implements ClientRoute {
  readonly #gate: Gate;
  readonly #context: CallContext;
  readonly #route: ClientRoute;
  #isIn = false;
  #ending: CloseReason | undefined;
  #failure: Error | undefined;
  readonly #promised = new Promised((error) => this.#context.abort(error));

  constructor(gate: Gate, { client, listener }: Client, route: ClientRoute) {
    this.#gate = gate;
    this.#context = new CallContext(client, listener);
    this.#route = route;
  }

  get failure(): Error | undefined {
    return this.#failure ?? this.#route.failure;
  }

  get pool(): number {
    return this.#route.pool;
  }

  get refusal(): QueueRefusal | undefined {
    return this.#route.refusal;
  }

  next(word?: QueueWord): NextHop | Promise<NextHop> {
    if (this.#isIn) return this.#route.next(word);
    try {
      const answer: unknown = this.#gate.filter(this.#context);
      return isThenable(answer) ? this.#wait(answer) : this.#judge(answer);
    } catch (error) {
      return this.#fail(error);
    }
  }

  attemptFailed(): void {
    this.#route.attemptFailed();
  }

  lacked(): void {
    this.#route.lacked();
  }

  end(reason: CloseReason): void {
    this.#ending = reason;
    this.#promised.stop(() => endingError(reason));
    this.#route.end(reason);
  }

  #judge(answer: unknown): NextHop | Promise<NextHop> {
    if (answer === false) return 'denied';
    if (answer !== true)
      return this.#fail(new TypeError(`the filter answered with ${show(answer)}`));
    // The answer may be longer in coming than the client stays.
    if (this.#ending !== undefined) return undefined;
    this.#isIn = true;
    return this.#route.next();
  }

  async #wait(answer: PromiseLike<unknown>): Promise<NextHop> {
    try {
      const waiting = this.#promised.wait(answer, 'filter', this.#gate.limitMs);
      // A filter may end its client's session itself before it answers.
      const ending = this.#ending;
      if (ending !== undefined) this.#promised.stop(() => endingError(ending));
      const settled = await waiting;
      return await this.#judge(settled);
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(error: unknown): 'denied' {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    if (this.#ending === undefined) this.#gate.onFailed(this.#failure);
    return 'denied';
  }
}

/** Why nobody waits for the filter's answer any more. */
function endingError(reason: CloseReason): Error {
  // Nobody but the client can have reset a session that has no backend yet.
  const left = () => new SplicewayError('ERR_SPLICEWAY_SESSION_RESET', 'the client has left');
  return reason === 'reset' ? left() : (sessionError(reason) ?? left());
}

/** What a filter is called with. Few filters ask for the signal, so it is made when one does. */
class CallContext implements FilterContext {
  readonly client: FilterContext['client'];
  readonly listener: string;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(client: FilterContext['client'], listener: string) {
    this.client = client;
    this.listener = listener;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

function show(answer: unknown): string {
  return answer === undefined || answer === null ? String(answer) : `a ${typeof answer}`;
}
