import type { CounterRow } from '../engine/counters.js';
import { addEnds, type EndFigures } from '../engine/ends.js';

/** What listeners have counted that are gone, whose rows are others' now: figures of the process never go back. */
export class Ledger {
  #sum: CounterRow | undefined;
  #unheard = 0;
  #ends: EndFigures = [];

  get sum(): CounterRow {
    return this.#sum ?? NOTHING;
  }

  get unheard(): number {
    return this.#unheard;
  }

  get ends(): EndFigures {
    return this.#ends;
  }

  /** The last figures of a row, of which no session is left. */
  enter(row: CounterRow, unheard: number, ends: EndFigures): void {
    const names = Object.keys(row) as (keyof CounterRow)[];
    const entries = names.map((name) => [name, this.sum[name] + row[name]]);
    this.#sum = Object.fromEntries(entries) as unknown as CounterRow;
    this.#unheard += unheard;
    this.#ends = addEnds(this.#ends, ends);
  }
}

const NOTHING: CounterRow = {
  opened: 0,
  open: 0,
  failed: 0,
  bytesUpstream: 0,
  bytesDownstream: 0,
  rejected: 0,
  rebalanced: 0,
};
