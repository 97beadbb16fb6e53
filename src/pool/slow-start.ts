/** Backends that are new, or back, get their share little by little: what they have to warm up has the time for it. */
import { clearInterval, setInterval } from '../timers.js';
import type { Backend } from './backend.js';

/** From the first, a tenth of the share, to all of it. The floor is that of Envoy's slow start. */
export const WARM = 10;

export class SlowStarts {
  readonly #timers = new Map<Backend, NodeJS.Timeout>();
  readonly #onStep: (backend: Backend) => void;

  /** @param onStep a backend's share is another */
  constructor(onStep: (backend: Backend) => void) {
    this.#onStep = onStep;
  }

  /** @param ms until it has all of its share; 0 is at once */
  begin(backend: Backend, ms: number): void {
    this.stop(backend);
    if (ms === 0) return;
    backend.warmth = 1;
    this.#go(backend, ms);
  }

  /** What is left of its slow start, if it is in one, goes on at another pace. @param ms as for `begin` */
  pace(backend: Backend, ms: number): void {
    if (!this.#timers.has(backend)) return;
    if (ms === 0) {
      this.stop(backend);
      return;
    }
    clearInterval(this.#timers.get(backend));
    this.#go(backend, ms);
  }

  #go(backend: Backend, ms: number): void {
    const timer = setInterval(() => {
      backend.warmth += 1;
      if (backend.warmth >= WARM) this.stop(backend);
      this.#onStep(backend);
    }, ms / WARM).unref();
    this.#timers.set(backend, timer);
  }

  /** It has all of its share. */
  stop(backend: Backend): void {
    clearInterval(this.#timers.get(backend));
    this.#timers.delete(backend);
    backend.warmth = WARM;
  }

  close(): void {
    for (const backend of [...this.#timers.keys()]) this.stop(backend);
  }
}
