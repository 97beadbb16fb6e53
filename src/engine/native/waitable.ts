/** Something that happens once, and may be waited for before and after. */
export class Waitable {
  #isDone = false;
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;

  /** Whether `wait` was called. */
  get isAwaited(): boolean {
    return this.#promise !== undefined;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** The same promise each time. */
  wait(): Promise<void> {
    this.#promise ??= new Promise((resolve) => {
      this.#resolve = resolve;
      if (this.#isDone) resolve();
    });
    return this.#promise;
  }

  done(): void {
    this.#isDone = true;
    this.#resolve?.();
  }
}
