/** What the balancer remembers of the last hour, and goes on to tell. */

/** @typedef {readonly [opened: number | null, upstream: number | null, downstream: number | null]} Point */

const MOST = 240;

export class History {
  /** @type {Map<string, Point[]>} */
  #rows = new Map();
  /** Counts up whenever there is something new. */
  version = 0;

  /** @throws where it does not answer */
  async load() {
    const answer = await fetch('/api/v1/history');
    if (!answer.ok) throw new Error(`${answer.status}`);
    /** @type {{ rows: Record<string, Point[]> }} */
    const { rows } = await answer.json();
    this.#rows = new Map(Object.entries(rows));
    this.version += 1;
  }

  /** @param {Readonly<Record<string, Point>>} points one for each row */
  add(points) {
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

/** @type {Point} */
const NOTHING = [null, null, null];
