/** The rates of the last hour, in memory that is bounded however many backends there are. */
import { setImmediate } from 'node:timers/promises';
import type { ProxyStats } from '../../observe/stats.js';
import { Meter } from './rates.js';

/** Between two points. */
export const STEP_MS = 15_000;

/** An hour of them. */
const POINTS = 240;

/** Whoever is told of an hour reads for half a minute at most, while other points come: they do not take the place of what is told. */
const PLACES = POINTS + 2;

/** Of which there is history, some 3 KB each: all together, then listeners, pools and backends in the order of the options. */
const MOST_ROWS = 1000;

/** What a point has of one row: sessions that began, bytes from clients, and bytes from backends, in a second. */
export type Point = readonly [opened: number, upstream: number, downstream: number];

const WIDTH = 3;

/** Rows that are written between two turns of the event loop. */
const ROWS_A_TURN = 50;

export class History {
  readonly #meter = new Meter();
  /** Each a ring of points, all at the same place. */
  readonly #rings = new Map<string, Float32Array>();
  /** Where the next point goes. */
  #next = 0;
  #points = 0;
  #left = 0;

  /** @param at as `Meter.measure()` has it. Call it once a step; the first call makes no point, since there is nothing to compare with. */
  sample(stats: ProxyStats, at: number): void {
    const rates = this.#meter.measure(stats, at);
    if (rates.size === 0) return;
    for (const key of this.#rings.keys()) if (!rates.has(key)) this.#rings.delete(key);
    this.#left = 0;
    for (const [key, rate] of rates) {
      const ring = this.#rings.get(key) ?? this.#begin(key);
      if (ring === undefined) this.#left += 1;
      else ring.set([rate.opened, rate.upstream, rate.downstream], this.#next * WIDTH);
    }
    this.#next = (this.#next + 1) % PLACES;
    this.#points = Math.min(this.#points + 1, POINTS);
  }

  #begin(key: string): Float32Array | undefined {
    if (this.#rings.size >= MOST_ROWS) return undefined;
    const ring = new Float32Array(PLACES * WIDTH).fill(Number.NaN);
    this.#rings.set(key, ring);
    return ring;
  }

  /** The newest point of each row. */
  newest(): Readonly<Record<string, Point>> {
    const last = (this.#next + PLACES - 1) % PLACES;
    const points = Array.from(this.#rings, ([key, ring]) => [key, pointAt(ring, last)]);
    return Object.fromEntries(points);
  }

  /**
   * All of it as JSON, in pieces between which others have their turns:
   * `{ "stepMs", "left", "rows": { KEY: [[opened, upstream, downstream], …] } }`, the oldest point first. The newest is of the last
   * step that was over. `null` stands for a time when the row was not there, `left` for rows of which there is no history.
   */
  async *json(): AsyncGenerator<string> {
    // As it is now: points may come meanwhile.
    const rings = [...this.#rings];
    const places = Array.from(
      { length: this.#points },
      (_, index) => (this.#next + PLACES - this.#points + index) % PLACES,
    );
    yield `{"stepMs":${STEP_MS},"left":${this.#left},"rows":{`;
    for (let first = 0; first < rings.length; first += ROWS_A_TURN) {
      const some = rings.slice(first, first + ROWS_A_TURN).map(([key, ring]) => {
        const points = places.map((place) => pointAt(ring, place));
        return `${JSON.stringify(key)}:${JSON.stringify(points)}`;
      });
      yield `${first === 0 ? '' : ','}${some.join(',')}`;
      await setImmediate();
    }
    yield '}}';
  }
}

function pointAt(ring: Float32Array, place: number): Point {
  const value = (index: number) => ring[place * WIDTH + index] ?? Number.NaN;
  return [rounded(value(0), 100), rounded(value(1), 1), rounded(value(2), 1)];
}

/** JSON has `null` for what is no number. */
const rounded = (value: number, scale: number) => Math.round(value * scale) / scale;
