/** Changes that are asked for by the socket: one after the other, each for the generation that it was meant for. */

import { SplicewayError } from '../errors/catalogue.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { GenerationMismatch, problemOf } from './problem.js';
import type { ControlAudit, ControlChange, ControlPeer, ControlResult } from './types.js';

/** Changes whose answers can be asked for again. */
const KEPT = 256;

/** A change, as it was asked for. */
export interface AskedChange {
  readonly method: string;
  readonly path: string;
  readonly peer: ControlPeer | undefined;
  /** For the audit; `undefined` where it may hold secrets. */
  readonly asked: unknown;
  /** The generations that it is for; any where it does not say. */
  readonly expected: readonly number[] | undefined;
}

export interface ChangesHost {
  readonly proxy: RunningProxy;
  audit(change: ControlAudit): void;
  /** The generation is another one. */
  onChanged(change: ControlChange): void;
}

export class Changes {
  readonly #host: ChangesHost;
  #last: Promise<unknown> = Promise.resolve();
  readonly #made: ControlChange[] = [];

  constructor(host: ChangesHost) {
    this.#host = host;
  }

  /**
   * Has a change made when its turn has come. Whoever asked may be gone by then: it is made nevertheless, and its answer is
   * kept.
   *
   * @param make answers when the change is in effect; throws where nothing has changed
   * @throws SplicewayError `ERR_SPLICEWAY_GENERATION_MISMATCH`, and as `make`
   */
  make<Made extends { readonly result: ControlResult }>(
    asked: AskedChange,
    make: () => Promise<Made>,
  ): Promise<Made> {
    const made = this.#last.then(() => this.#make(asked, make));
    this.#last = made.catch(() => {});
    return made;
  }

  async #make<Made extends { readonly result: ControlResult }>(
    { expected, asked, ...who }: AskedChange,
    make: () => Promise<Made>,
  ): Promise<Made> {
    const { proxy } = this.#host;
    const audit = { ...who, ...(asked === undefined ? {} : { asked }) };
    try {
      // Others may be changing it as well. From here on nobody comes between.
      await proxy.updated();
      const from = proxy.generation;
      if (expected !== undefined && !expected.includes(from)) throw new GenerationMismatch(from);
      const made = await make();
      const { result } = made;
      const { generation } = result;
      if (generation !== from) this.#keep({ from, at: Date.now(), ...who, result });
      this.#host.audit({ ...audit, generation, result });
      return made;
    } catch (error) {
      const { code, detail: message } = problemOf(error);
      this.#host.audit({ ...audit, generation: proxy.generation, error: { code, message } });
      throw error;
    }
  }

  #keep(change: ControlChange): void {
    this.#made.push(change);
    if (this.#made.length > KEPT) this.#made.shift();
    this.#host.onChanged(change);
  }

  /**
   * The change that led to a generation.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_CHANGE`
   */
  find(generation: number): ControlChange {
    const change = this.#made.find(
      ({ from, result }) => from < generation && generation <= result.generation,
    );
    if (change !== undefined) return change;
    throw new SplicewayError(
      'ERR_SPLICEWAY_UNKNOWN_CHANGE',
      `no change to generation ${generation} is known here: it was not made through this socket, or is not among the last ${KEPT}; generation ${this.#host.proxy.generation} runs`,
    );
  }
}
