/** All backends that the engine knows, those included that are gone and have sessions left. */
import type { Backend } from './backend.js';

export class Backends {
  readonly #byRow = new Map<number, Backend>();

  add(backend: Backend): void {
    this.#byRow.set(backend.row, backend);
  }

  delete({ row }: Backend): void {
    this.#byRow.delete(row);
  }

  /** `undefined` for a row that nobody has. */
  find(row: number): Backend | undefined {
    return this.#byRow.get(row);
  }

  has(backend: Backend): boolean {
    return this.#byRow.get(backend.row) === backend;
  }

  /** @throws RangeError for a row that nobody has: a mistake in this program */
  at(row: number): Backend {
    const backend = this.find(row);
    if (backend === undefined) throw new RangeError(`there is no backend in row ${row}`);
    return backend;
  }

  [Symbol.iterator](): IterableIterator<Backend> {
    return this.#byRow.values();
  }
}
