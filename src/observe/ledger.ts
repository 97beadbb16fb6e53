import type { CounterRow } from '../engine/counters.js';

/** What listeners have counted that are gone, whose rows are others' now: figures of the process never go back. */
export class Ledger {
  #sum: CounterRow | undefined;
  #unheard = 0;

  get sum(): CounterRow {
    return this.#sum ?? NOTHING;
  }

  get unheard(): number {
    return this.#unheard;
  }

  /** The last figures of a row, of which no session is left. */
  enter(row: CounterRow, unheard: number): void {
    const names = Object.keys(row) as (keyof CounterRow)[];
    const entries = names.map((name) => [name, this.sum[name] + row[name]]);
    this.#sum = Object.fromEntries(entries) as unknown as CounterRow;
    this.#unheard += unheard;
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
