/** Numbers for what comes and goes, from 0 on. */
export class Rows {
  readonly #capacity: number;
  /** Those that were given back, the oldest first. */
  readonly #free = new Set<number>();
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many are left to take. */
  get left(): number {
    return this.#capacity - this.#next + this.#free.size;
  }

  /**
   * One that nobody has; of those that were given back the oldest, so that whoever has heard of its last owner has forgotten.
   *
   * @throws RangeError when none is left: ask before
   */
  take(): number {
    for (const row of this.#free) {
      this.#free.delete(row);
      return row;
    }
    if (this.#next >= this.#capacity) throw new RangeError('no row is left');
    return this.#next++;
  }

  /** To be called when nothing names it any more. */
  giveBack(row: number): void {
    this.#free.add(row);
  }
}
