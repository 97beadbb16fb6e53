/** What the balancer remembers of the last hour, and goes on to tell. */

/** @typedef {readonly [opened: number | null, upstream: number | null, downstream: number | null]} Point */

const MOST = 240;
/** It is for four at a time. */
const RETRY_MS = 5000;

export class History {
  /** @type {Map<string, Point[]>} */
  #rows = new Map();
  /** Counts up whenever there is something new. */
  version = 0;
  /** Counts up with each `load()`. */
  #loads = 0;
  /** @type {Readonly<Record<string, Point>>[] | undefined} points that come while it is asked for */
  #held;

  /** Asks for it until there is an answer, or it is called again. */
  async load() {
    this.#loads += 1;
    const load = this.#loads;
    for (;;) {
      this.#held = [];
      const rows = await ask();
      if (load !== this.#loads) return;
      const held = this.#held;
      this.#held = undefined;
      if (rows !== undefined) this.#rows = new Map(Object.entries(rows));
      for (const points of held) this.add(points);
      this.version += 1;
      if (rows !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (load !== this.#loads) return;
    }
  }

  /** @param {Readonly<Record<string, Point>>} points one for each row */
  add(points) {
    if (this.#held !== undefined) {
      this.#held.push(points);
      return;
    }
    const length = Math.max(0, ...[...this.#rows.values()].map((row) => row.length));
    for (const key of this.#rows.keys()) if (!Object.hasOwn(points, key)) this.#rows.delete(key);
    for (const [key, point] of Object.entries(points)) {
      const row = this.#rows.get(key) ?? Array.from({ length }, () => NOTHING);
      row.push(point);
      if (row.length > MOST) row.shift();
      this.#rows.set(key, row);
    }
    this.version += 1;
  }

  /** Sessions that began. @param {string} key */
  opened(key) {
    return this.#values(key, ([opened]) => opened);
  }

  /** @param {string} key */
  upstream(key) {
    return this.#values(key, ([, upstream]) => upstream);
  }

  /** @param {string} key */
  downstream(key) {
    return this.#values(key, ([, , downstream]) => downstream);
  }

  /** Both ways. @param {string} key */
  traffic(key) {
    return this.#values(key, ([, upstream, downstream]) =>
      upstream === null || downstream === null ? null : upstream + downstream,
    );
  }

  /** @param {string} key @param {(point: Point) => number | null} value */
  #values(key, value) {
    return (this.#rows.get(key) ?? []).map(value);
  }
}

/** @returns {Promise<Record<string, Point[]> | undefined>} */
async function ask() {
  try {
    const answer = await fetch('/api/v1/history');
    if (!answer.ok) return undefined;
    const { rows } = /** @type {{ rows: Record<string, Point[]> }} */ (await answer.json());
    return rows;
  } catch {
    return undefined;
  }
}

/** @type {Point} */
const NOTHING = [null, null, null];
