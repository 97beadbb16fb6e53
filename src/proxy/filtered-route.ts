import type { NextHop } from '../engine/engine.js';
import type { FilterContext, FilterFunction } from '../policy/filter-function.js';
import { clearTimeout, setTimeout } from '../timers.js';
import type { ClientRoute } from './route.js';

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
  readonly #client: FilterContext;
  readonly #route: ClientRoute;
  #isIn = false;
  #hasEnded = false;
  #failure: Error | undefined;

  constructor(gate: Gate, client: FilterContext, route: ClientRoute) {
    this.#gate = gate;
    this.#client = client;
    this.#route = route;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  next(): NextHop | Promise<NextHop> {
    if (this.#isIn) return this.#route.next();
    try {
      const answer: unknown = this.#gate.filter(this.#client);
      return isThenable(answer) ? this.#wait(answer) : this.#judge(answer);
    } catch (error) {
      return this.#fail(error);
    }
  }

  end(): void {
    this.#hasEnded = true;
    this.#route.end();
  }

  #judge(answer: unknown): NextHop | Promise<NextHop> {
    if (answer === false) return 'denied';
    if (answer !== true)
      return this.#fail(new TypeError(`the filter answered with ${show(answer)}`));
    // The answer may be longer in coming than the client stays.
    if (this.#hasEnded) return undefined;
    this.#isIn = true;
    return this.#route.next();
  }

  async #wait(answer: PromiseLike<unknown>): Promise<NextHop> {
    const { limitMs } = this.#gate;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      if (limitMs === 0) return;
      const error = new Error(`the filter did not answer within ${limitMs} ms`);
      timer = setTimeout(() => reject(error), limitMs);
    });
    try {
      return await this.#judge(await Promise.race([answer, late]));
    } catch (error) {
      return this.#fail(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #fail(error: unknown): 'denied' {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    if (!this.#hasEnded) this.#gate.onFailed(this.#failure);
    return 'denied';
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function show(answer: unknown): string {
  return answer === undefined || answer === null ? String(answer) : `a ${typeof answer}`;
}
