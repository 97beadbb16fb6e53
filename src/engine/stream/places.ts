/** How many sessions each backend may have at once, and how many it has. */
export class Places {
  /** By row. */
  readonly #most: (number | undefined)[] = [];
  readonly #taken: number[] = [];

  limit(backend: number, most: number): void {
    this.#most[backend] = most;
  }

  /** Takes one, to be given back; false when the backend is full. */
  take(backend: number): boolean {
    const taken = this.#taken[backend] ?? 0;
    if (taken >= (this.#most[backend] ?? Number.POSITIVE_INFINITY)) return false;
    this.#taken[backend] = taken + 1;
    return true;
  }

  giveBack(backend: number): void {
    this.#taken[backend] = (this.#taken[backend] ?? 0) - 1;
  }
}
