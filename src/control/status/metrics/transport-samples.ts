/** How connections fare, for whoever asks: one sample for all of them. */
import type { TransportStats } from '../../../observe/transport.js';
import type { Proxy as RunningProxy } from '../../../proxy/proxy.js';
import { clearTimeout, now, setTimeout } from '../../../timers.js';

/** A sample is for all who ask so soon after it: the program goes through all slots of sessions for one. */
const KEPT_MS = 5000;
/** A loop that stands still holds up no scrape. */
const PATIENCE_MS = 250;

export class TransportSamples {
  readonly #proxy: Pick<RunningProxy, 'transport'>;
  #taken: Promise<readonly TransportStats[]> = Promise.resolve([]);
  #takenAt = Number.NEGATIVE_INFINITY;

  constructor(proxy: Pick<RunningProxy, 'transport'>) {
    this.#proxy = proxy;
  }

  /** @returns of no backend where no loop tells, or not in time */
  async read(): Promise<readonly TransportStats[]> {
    if (now() - this.#takenAt > KEPT_MS) {
      // None but one is on its way.
      this.#takenAt = Number.POSITIVE_INFINITY;
      this.#taken = this.#proxy
        .transport()
        .catch(() => [])
        .finally(() => {
          this.#takenAt = now();
        });
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly TransportStats[]>((resolve) => {
      timer = setTimeout(() => resolve([]), PATIENCE_MS);
    });
    try {
      return await Promise.race([this.#taken, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
