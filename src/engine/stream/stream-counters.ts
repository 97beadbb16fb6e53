import { ENDS, numberOfEnd, type SessionEnd } from '../../model/session-end.js';
import { Counter, type CounterName, type CounterRow, type Counters } from '../counters.js';
import type { EndFigures } from '../ends.js';

type Row = Record<CounterName, number>;

/** The figures of an engine that one thread writes and reads: plain numbers, in rows that are made when they are needed. */
export class StreamCounters implements Counters {
  readonly #listeners = new Map<number, Row>();
  readonly #backends = new Map<number, Row>();
  /** Of listeners. */
  readonly #ends = new Map<number, Float64Array>();

  listener(index: number): CounterRow {
    return figuresOf(this.#listeners.get(index));
  }

  backend(index: number): CounterRow {
    return figuresOf(this.#backends.get(index));
  }

  /** Every session passes through JavaScript. */
  unheard(): number {
    return 0;
  }

  ends(index: number): EndFigures {
    return this.#ends.get(index)?.slice() ?? [];
  }

  addEnd(listener: number, end: SessionEnd): void {
    const figures = this.#ends.get(listener) ?? new Float64Array(ENDS);
    const number = numberOfEnd(end);
    figures[number] = (figures[number] ?? 0) + 1;
    this.#ends.set(listener, figures);
  }

  /** @param amount may be negative: `open` goes down, and bytes that never left are taken back */
  addToListener(index: number, counter: CounterName, amount: number): void {
    rowAt(this.#listeners, index)[counter] += amount;
  }

  /** @param amount as for `addToListener` */
  addToBackend(index: number, counter: CounterName, amount: number): void {
    rowAt(this.#backends, index)[counter] += amount;
  }

  /** Makes all figures of a listener that nobody counts for any more zero. */
  clearListener(index: number): void {
    this.#listeners.delete(index);
    this.#ends.delete(index);
  }

  /** The same of a backend. */
  clearBackend(index: number): void {
    this.#backends.delete(index);
  }
}

const nothing = Object.fromEntries(Object.keys(Counter).map((name) => [name, 0])) as Readonly<Row>;

function rowAt(rows: Map<number, Row>, index: number): Row {
  const known = rows.get(index);
  if (known !== undefined) return known;
  const row = { ...nothing };
  rows.set(index, row);
  return row;
}

function figuresOf(row: Readonly<Row> = nothing): CounterRow {
  const { unheard: _, ...figures } = row;
  return figures;
}
