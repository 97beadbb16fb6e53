import { SplicewayError } from '../errors/catalogue.js';
import type { PickBackend, PickFunction } from './pick-function.js';
import type { Client, Policy } from './policy.js';

/** Asks a function of the user's for each pick. */
export class CustomPolicy implements Policy {
  readonly #pick: PickFunction;
  readonly #backends: readonly PickBackend[];

  /** @param backends what the function is shown at each pick */
  constructor(pick: PickFunction, backends: readonly PickBackend[]) {
    this.#pick = pick;
    this.#backends = backends;
  }

  /** @throws what the function throws, or SplicewayError `ERR_SPLICEWAY_INVALID_PICK` for what is no answer */
  pick(tried: ReadonlySet<number>, { client, listener }: Client): number | undefined {
    const backends = this.#backends;
    const count = backends.length;
    const picked: unknown = this.#pick({
      client,
      listener,
      backends,
      // A copy: it grows with each pick, and a context may be kept.
      tried: new Set(tried),
    });
    if (picked === undefined) return undefined;
    if (typeof picked !== 'number' || !Number.isInteger(picked) || picked < 0 || picked >= count) {
      throw invalid(`${show(picked)}, which is not an index from 0 to ${count - 1}`);
    }
    if (tried.has(picked)) throw invalid(`${picked}, which has failed for this client already`);
    return picked;
  }

  cycle(): undefined {
    return undefined;
  }

  /** It counts its turns itself, if it has any. */
  readonly turn = 0;
}

function show(picked: unknown): string {
  if (picked instanceof Promise) return 'a promise';
  return typeof picked === 'number' ? String(picked) : `a value of type ${typeof picked}`;
}

function invalid(what: string): SplicewayError {
  return new SplicewayError(
    'ERR_SPLICEWAY_INVALID_PICK',
    `the policy picked ${what}; return the index of a backend that is not in tried, or undefined`,
  );
}
