/** Histograms: where their values are counted, and what they say. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BUCKET_WORDS,
  bucketOf,
  edgesFrom,
  HISTOGRAM_BUCKETS,
  HistogramWriter,
  Measured,
  measured,
  noHistograms,
  readHistograms,
} from '../src/engine/histogram.js';
import { LoopCounter, readLoops, TURNS_FROM } from '../src/engine/loops.js';
import { countUpTo, histogramOf, percentile } from '../src/observe/histogram.js';

/** What people write for Prometheus: in seconds, of its client libraries. */
const CLASSIC = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const core = (file: string) =>
  readFileSync(new URL(`../native/core/stats/${file}`, import.meta.url), 'utf8');

/** Of values in microseconds. */
function secondsOf(...values: number[]) {
  const writer = new HistogramWriter();
  for (const value of values) writer.note('connect', value);
  return histogramOf(writer.figures.connect, Measured.connect, 1e6);
}

describe('buckets of a histogram', () => {
  it.each([1, 2, 3])('have their upper edge, from 10 to the %i on', (first) => {
    const edges = edgesFrom(first);
    expect(edges.length).toBe(HISTOGRAM_BUCKETS - 1);
    expect(edges[0]).toBe(10 ** first);
    expect(edges.at(-1)).toBe(10 ** (first + 8));
    edges.forEach((edge, bucket) => {
      expect(Number.isInteger(edge)).toBe(true);
      expect(bucketOf(edge, first)).toBe(bucket);
      expect(bucketOf(edge + 1, first)).toBe(bucket + 1);
    });
    expect(bucketOf(0, first)).toBe(0);
    expect(bucketOf(Number.MAX_SAFE_INTEGER, first)).toBe(HISTOGRAM_BUCKETS - 1);
  });

  it('are never wider than a quarter of where they begin', () => {
    const edges = edgesFrom(1);
    edges.slice(1).forEach((edge, index) => {
      expect(edge / (edges[index] as number)).toBeLessThanOrEqual(1.25);
    });
  });

  it('have an edge wherever a classic histogram has one', () => {
    const seconds = edgesFrom(Measured.connect).map((edge) => edge / 1e6);
    for (const limit of CLASSIC) expect(seconds).toContain(limit);
  });
});

describe('a histogram', () => {
  it('has the sum, and the buckets that are not empty', () => {
    expect(secondsOf(0, 10, 11, 2_600_000)).toEqual({
      count: 4,
      sum: 2.600021,
      buckets: [
        { upTo: 0.00001, count: 2 },
        { upTo: 0.000012, count: 1 },
        { upTo: 3, count: 1 },
      ],
    });
    expect(secondsOf()).toEqual({ count: 0, sum: 0, buckets: [] });
  });

  it('says exactly how many values are not above one of its edges', () => {
    const histogram = secondsOf(5000, 5001, 10_000, 10_001, 2_000_000_000);
    expect(CLASSIC.slice(0, 3).map((limit) => countUpTo(histogram, limit))).toEqual([1, 3, 4]);
    expect(countUpTo(histogram, 10)).toBe(4);
    expect(countUpTo(histogram, Number.POSITIVE_INFINITY)).toBe(4);
    expect(histogram.count).toBe(5);
  });

  it('has percentiles, as nearly as its buckets tell', () => {
    const values = Array.from({ length: 1000 }, (_, index) => (index + 1) * 100);
    const histogram = secondsOf(...values);
    for (const percent of [1, 25, 50, 90, 99, 99.9, 100]) {
      const exact = (percent / 100) * 0.1;
      const told = percentile(histogram, percent) ?? 0;
      expect(told).toBeGreaterThanOrEqual(exact - 1e-9);
      expect(told).toBeLessThanOrEqual(exact * 1.25 + 1e-9);
    }
    expect(percentile(secondsOf(), 50)).toBeUndefined();
    expect(percentile(secondsOf(12, 2_000_000_000), 50)).toBe(0.000012);
    expect(percentile(secondsOf(12, 2_000_000_000), 100)).toBe(Number.POSITIVE_INFINITY);
  });

  it('survives JSON, above its last edge as well', () => {
    const histogram = secondsOf(12, 2_000_000_000);
    const copy = JSON.parse(JSON.stringify(histogram));
    expect(copy).toEqual(histogram);
    expect(percentile(copy, 100)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is a copy', () => {
    const writer = new HistogramWriter();
    const before = writer.figures;
    writer.note('bytes', 1);
    expect(before).toEqual(noHistograms);
    expect(writer.figures.bytes.sum).toBe(1);
  });
});

describe('histograms that the loops write', () => {
  it('lie one after the other in a row, one row a writer, and are added up', () => {
    const row = 8 + measured.length * BUCKET_WORDS;
    const words = new BigUint64Array(2 * row);
    const index = measured.findIndex(([name]) => name === 'firstByte');
    const bucket = 8 + index * BUCKET_WORDS + bucketOf(30, 1);
    words[index] = 30n;
    words[bucket] = 1n;
    words[row + index] = 2n ** 40n;
    words[row + bucket] = 2n;
    const { firstByte, ...others } = readHistograms(words);
    expect(firstByte.sum).toBe(2 ** 40 + 30);
    expect(firstByte.counts[bucketOf(30, 1)]).toBe(3);
    const { firstByte: _, ...none } = noHistograms;
    expect(others).toEqual(none);
  });

  it('are those of the core, in their order, with their lowest edges', () => {
    const rows = core('histogram_rows.h');
    const [, names = ''] = /enum class Measured : .*? \{\n(.*?)^\};/ms.exec(
      rows,
    ) as RegExpExecArray;
    const [, firsts = ''] = /kFirst = \{(.*?)\};/.exec(rows) as RegExpExecArray;
    const found = [...names.matchAll(/^ {2}k(\w)(\w*),/gm)].map(
      ([, letter = '', rest = '']) => letter.toLowerCase() + rest,
    );
    expect(found).toEqual(measured.map(([name]) => name));
    expect(firsts.split(', ').map(Number)).toEqual(measured.map(([, first]) => first));
    const words = /array<Counter, (\d+)> counts_;/.exec(core('histogram.h'))?.[1];
    expect(Number(words)).toBe(BUCKET_WORDS);
  });

  it('of turns are behind the counters of a loop', () => {
    const [, row = ''] = /struct alignas\(64\) LoopRow \{\n(.*?)^\};/ms.exec(
      core('counters.h'),
    ) as RegExpExecArray;
    const names = [...row.matchAll(/^ {2}Counter (\w+);/gm)].map(([, name = '']) =>
      name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    );
    expect(names).toEqual(Object.keys(LoopCounter));
    expect(Object.values(LoopCounter)).toEqual(names.map((_, at) => at));
    expect(row).toContain(`Counter, ${8 - names.length}> unused;`);
    expect(row).toContain(`turns.Note(turn_us, ${TURNS_FROM});`);
    const words = new BigUint64Array(2 * (8 + BUCKET_WORDS));
    words[8 + BUCKET_WORDS + LoopCounter.busyUs] = 30n;
    words[8 + BUCKET_WORDS + 8 + bucketOf(30, TURNS_FROM)] = 1n;
    const [first, second] = readLoops(words, 2);
    expect([first?.turns.sum, second?.turns.sum]).toEqual([0, 30]);
    expect(second?.turns.counts[bucketOf(30, TURNS_FROM)]).toBe(1);
  });
});
