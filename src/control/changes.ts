/** Changes that are asked for by the socket: one after the other, each for the generation that it was meant for. */

import { SplicewayError } from '../errors/catalogue.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { throwLater } from '../session/emit.js';
import { GenerationMismatch, problemOf } from './problem.js';
import type { ControlAudit, ControlChange, ControlPeer, ControlResult } from './types.js';

/** Changes whose answers can be asked for again. */
const KEPT = 256;

/** Changes that wait for their turns, each with what it is to make. */
const MOST_QUEUED = 16;

/** Who asks for a change, and of what. */
export interface Asker {
  readonly method: string;
  readonly path: string;
  readonly peer: ControlPeer | undefined;
}

/** A change, as it was asked for. */
export interface AskedChange extends Asker {
  /** For the audit; `undefined` where it may hold secrets. */
  readonly asked: unknown;
  /** The generations that it is for; any where it does not say. */
  readonly expected: readonly number[] | undefined;
}

export interface ChangesHost {
  readonly proxy: RunningProxy;
  audit(change: ControlAudit): void;
  /** The generation is another one, or sessions were ended. */
  onMade(change: ControlChange): void;
}

export class Changes {
  readonly #host: ChangesHost;
  #last: Promise<unknown> = Promise.resolve();
  readonly #made: ControlChange[] = [];
  #queued = 0;
  #isClosed = false;

  constructor(host: ChangesHost) {
    this.#host = host;
  }

  /**
   * Has a change made when its turn has come. One that has begun goes on, also where whoever asked is gone: its answer is
   * kept. One that nobody waits for any more does not begin.
   *
   * @param make answers when the change is in effect; throws where nothing has changed
   * @param signal whoever asked has left
   * @throws SplicewayError `ERR_SPLICEWAY_GENERATION_MISMATCH`, `…_TOO_MANY_REQUESTS`, `…_CLOSED`, and as `make`
   */
  make<Made extends { readonly result: ControlResult }>(
    asked: AskedChange,
    make: () => Promise<Made>,
    signal: AbortSignal,
  ): Promise<Made> {
    if (this.#queued >= MOST_QUEUED) return Promise.reject(this.refuse(asked, tooMany()));
    this.#queued += 1;
    const made = this.#last.then(() => {
      this.#queued -= 1;
      if (this.#isClosed) throw this.refuse(asked, closed());
      if (signal.aborted) throw this.refuse(asked, hasLeft());
      return this.#make(asked, make);
    });
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
      const change = { from, at: Date.now(), ...who, result };
      if (generation !== from) this.#keep(change);
      if (generation !== from || result.ended !== undefined) this.#host.onMade(change);
      this.#audit({ ...audit, generation, result });
      return made;
    } catch (error) {
      throw this.refuse({ ...who, asked, expected }, error);
    }
  }

  /** Tells of a change that is not made. @returns the error */
  refuse(asker: Asker | AskedChange, error: unknown): unknown {
    const { expected: _, asked, ...who } = { expected: undefined, asked: undefined, ...asker };
    const { code, detail: message } = problemOf(error);
    const { generation } = this.#host.proxy;
    const what = asked === undefined ? {} : { asked };
    this.#audit({ ...who, ...what, generation, error: { code, message } });
    return error;
  }

  /** None begins any more. */
  close(): void {
    this.#isClosed = true;
  }

  /** A change is what it is, whatever its audit does. */
  #audit(change: ControlAudit): void {
    try {
      this.#host.audit(change);
    } catch (error) {
      throwLater(error);
    }
  }

  #keep(change: ControlChange): void {
    this.#made.push(change);
    if (this.#made.length > KEPT) this.#made.shift();
  }

  /** Those that are kept, the oldest first. */
  get made(): readonly ControlChange[] {
    return this.#made;
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

const tooMany = () =>
  new SplicewayError(
    'ERR_SPLICEWAY_TOO_MANY_REQUESTS',
    `${MOST_QUEUED} changes wait for their turns already, the most at a time; ask again when some are made`,
  );

const closed = () =>
  new SplicewayError(
    'ERR_SPLICEWAY_CLOSED',
    'the control socket was closed before this change had its turn',
  );

const hasLeft = () =>
  new SplicewayError(
    'ERR_SPLICEWAY_CONTROL_FAILED',
    'whoever asked for this change has left before it had its turn; ask again, and wait for the answer',
  );
