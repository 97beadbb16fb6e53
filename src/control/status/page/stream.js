/** The stream of events: what it tells, and whether there is anybody at its other end. */

/** Figures come every second. */
const SILENT_MS = 5000;
const RETRY_MS = 2000;
/** For the balancer to say that it is there. */
const ANSWER_MS = 2000;

export class Stream {
  #listeners;
  /** @type {EventSource | undefined} */
  #source;
  #heardAt = Date.now();
  #triedAt = 0;
  #isLost = false;
  /** Whether there is a balancer all the same, which has no place for one more, or nothing to tell yet. */
  #isRefused = false;

  /**
   * @param {object} listeners
   * @param {(name: string, data: unknown) => void} listeners.told
   * @param {(heardAt: number, isRefused: boolean) => void} listeners.lost with the time when something was heard last, and whether the balancer is there
   * @param {() => void} listeners.found
   */
  constructor(listeners) {
    this.#listeners = listeners;
    this.#open();
    setInterval(() => this.#look(), 1000);
  }

  #open() {
    this.#source?.close();
    this.#triedAt = Date.now();
    const source = new EventSource('/api/v1/events');
    this.#source = source;
    for (const name of ['begin', 'happened', 'point', 'figures']) {
      source.addEventListener(name, ({ data }) => this.#heard(name, JSON.parse(data)));
    }
    // It tries again by itself in some cases, and in others not: here it is one way.
    source.addEventListener('error', async () => {
      source.close();
      const isThere = await answers();
      if (this.#source !== source) return;
      this.#isRefused = isThere;
      this.#lose();
      setTimeout(() => {
        if (this.#source === source) this.#open();
      }, RETRY_MS);
    });
  }

  /** @param {string} name @param {unknown} data */
  #heard(name, data) {
    this.#heardAt = Date.now();
    this.#isRefused = false;
    if (this.#isLost) {
      this.#isLost = false;
      this.#listeners.found();
    }
    this.#listeners.told(name, data);
  }

  #look() {
    if (Date.now() - this.#heardAt < SILENT_MS) return;
    this.#lose();
    // A machine that was switched off closes no connection.
    if (Date.now() - this.#triedAt >= SILENT_MS) this.#open();
  }

  #lose() {
    this.#isLost = true;
    this.#listeners.lost(this.#heardAt, this.#isRefused);
  }
}

/** Whether the balancer is there: why a stream of events has ended is told to nobody. */
async function answers() {
  try {
    return (await fetch('/healthz', { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
}
