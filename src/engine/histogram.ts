/**
 * Histograms: how many values there were of which size, and their sum. Buckets are log-linear to the base of ten, the same in
 * native/core/stats/histogram.h, which says why.
 */

const DECADES = 8;
const OF_DECADE = 16;
/** The first has all that is not above the lowest edge; the last all that is above the highest. */
export const HISTOGRAM_BUCKETS = DECADES * OF_DECADE + 2;
/** Buckets that a native loop writes, and nothing up to the end of a cache line. */
export const BUCKET_WORDS = 136;

/** What there are histograms of, in the order of the `Measured` of native/core/stats/histogram_rows.h, with the power of ten that is their lowest edge. */
export const Measured = {
  /** From when the address that has answered was tried until it had: of each session that opened. In microseconds. */
  connect: 1,
  /** Of the backend's first byte: since the client spoke last, or else since the session opened. In microseconds. */
  firstByte: 1,
  /** In the queue of the pool: of each wait that a place has ended. In microseconds. */
  queue: 1,
  /** Of sessions that had opened, from accept to end. In microseconds. */
  duration: 3,
  /** That such a session has passed on, both ways. */
  bytes: 2,
} as const;

export type MeasuredName = keyof typeof Measured;
export const measured = Object.entries(Measured) as readonly [MeasuredName, number][];

/** What is known of some values. */
export interface HistogramFigures {
  readonly sum: number;
  /** By bucket. */
  readonly counts: ArrayLike<number>;
}

export type PoolHistograms = Readonly<Record<MeasuredName, HistogramFigures>>;

/** The bucket of an integer; `first` is the power of ten that is the lowest edge. */
export function bucketOf(value: number, first: number): number {
  const edges = edgesFrom(first);
  let from = 0;
  let to = edges.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (value <= (edges[middle] as number)) to = middle;
    else from = middle + 1;
  }
  return from;
}

const allEdges = new Map<number, readonly number[]>();

/** Upper edges of all buckets but the last, which has none; each belongs to its bucket. */
export function edgesFrom(first: number): readonly number[] {
  const known = allEdges.get(first);
  if (known !== undefined) return known;
  const tenths = [12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100];
  const edges = [10 ** first];
  for (let decade = 0; decade < DECADES; decade++) {
    for (const part of tenths) edges.push(part * 10 ** (first + decade - 1));
  }
  allEdges.set(first, edges);
  return edges;
}

/** Reads the rows of all writers of one pool, and adds them up. */
export function readHistograms(words: BigUint64Array): PoolHistograms {
  return fromEach((_, index) => ({
    sum: sumOf(words, index, ROW_WORDS),
    counts: readBuckets(words, SUM_WORDS + index * BUCKET_WORDS, ROW_WORDS),
  }));
}

/** The sums share a cache line. */
const SUM_WORDS = 8;
const ROW_WORDS = SUM_WORDS + measured.length * BUCKET_WORDS;

/** Over rows of so many words, from the same place on in each. */
export function readBuckets(words: BigUint64Array, first: number, rowWords: number): Float64Array {
  const counts = new Float64Array(HISTOGRAM_BUCKETS);
  for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    counts[bucket] = sumOf(words, first + bucket, rowWords);
  }
  return counts;
}

/** As `CounterReader` adds up. */
function sumOf(words: BigUint64Array, first: number, rowWords: number): number {
  let sum = 0n;
  for (let at = first; at < words.length; at += rowWords) {
    sum = BigInt.asUintN(64, sum + (words[at] as bigint));
  }
  return Number(sum);
}

/** Of one thread, which writes and reads them. */
export class HistogramWriter {
  readonly #row = fromEach(() => ({ sum: 0, counts: new Float64Array(HISTOGRAM_BUCKETS) }));

  /** @param value in the unit of `Measured`; rounded to an integer */
  note(name: MeasuredName, value: number): void {
    const whole = Math.max(0, Math.round(value));
    const figures = this.#row[name];
    const bucket = bucketOf(whole, Measured[name]);
    figures.sum += whole;
    figures.counts[bucket] = (figures.counts[bucket] ?? 0) + 1;
  }

  /** A copy. */
  get figures(): PoolHistograms {
    return fromEach((name) => ({
      sum: this.#row[name].sum,
      counts: this.#row[name].counts.slice(),
    }));
  }
}

/** Of a pool in which nobody has counted. */
export const noHistograms: PoolHistograms = fromEach(() => ({
  sum: 0,
  counts: new Float64Array(HISTOGRAM_BUCKETS),
}));

function fromEach<Value>(
  make: (name: MeasuredName, index: number) => Value,
): Record<MeasuredName, Value> {
  const entries = measured.map(([name], index) => [name, make(name, index)]);
  return Object.fromEntries(entries) as Record<MeasuredName, Value>;
}
