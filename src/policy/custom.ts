import { SplicewayError } from '../errors/catalogue.js';
import type { Client, PickBackend, PickFunction } from './pick-function.js';
import { isThenable } from './thenable.js';

/** Asks a function of the user's for each pick. */
export class CustomPolicy {
  readonly #pick: PickFunction;
  readonly #backends: readonly PickBackend[];

  /** @param backends what the function is shown at each pick */
  constructor(pick: PickFunction, backends: readonly PickBackend[]) {
    this.#pick = pick;
    this.#backends = backends;
  }

  /**
   * @param tried indexes of those that failed for this very client
   * @returns an index that is not in `tried`, or `undefined`; a promise of that, where the function gives one
   * @throws what the function throws, or SplicewayError `ERR_SPLICEWAY_INVALID_PICK` for what is no answer; a promise rejects
   *   with the same
   */
  pick(
    tried: ReadonlySet<number>,
    { client, listener }: Client,
  ): number | undefined | Promise<number | undefined> {
    const check = (picked: unknown) => this.#check(picked, tried);
    const picked: unknown = this.#pick({
      client,
      listener,
      backends: this.#backends,
      // A copy: it grows with each pick, and a context may be kept.
      tried: new Set(tried),
    });
    return isThenable(picked) ? Promise.resolve(picked).then(check) : check(picked);
  }

  #check(picked: unknown, tried: ReadonlySet<number>): number | undefined {
    const count = this.#backends.length;
    if (picked === undefined) return undefined;
    if (typeof picked !== 'number' || !Number.isInteger(picked) || picked < 0 || picked >= count) {
      throw invalid(`${show(picked)}, which is not an index from 0 to ${count - 1}`);
    }
    if (tried.has(picked)) throw invalid(`${picked}, which has failed for this client already`);
    return picked;
  }
}

function show(picked: unknown): string {
  return typeof picked === 'number' ? String(picked) : `a value of type ${typeof picked}`;
}

function invalid(what: string): SplicewayError {
  return new SplicewayError(
    'ERR_SPLICEWAY_INVALID_PICK',
    `the policy picked ${what}; return the index of a backend that is not in tried, or undefined`,
  );
}
