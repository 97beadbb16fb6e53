/** The layout of the counters, which the native loops share. */
import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  Counter,
  CounterReader,
  type CounterRow,
  CounterWriter,
  ROW_WORDS,
} from '../src/engine/counters.js';
import type { RowStats } from '../src/observe/stats.js';

const createCounterWords = (writers: number, listeners: number, backends: number) =>
  new BigUint64Array(writers * (listeners + backends) * ROW_WORDS);

const noEnds = new BigUint64Array();

describe('counters', () => {
  it('lie listeners first, then backends, one padded row each, a block a writer', () => {
    const words = createCounterWords(2, 2, 3);
    expect(words.length).toBe(2 * (2 + 3) * ROW_WORDS);
    const second = 5 * ROW_WORDS;
    words[1 * ROW_WORDS + Counter.opened] = 7n;
    words[second + 1 * ROW_WORDS + Counter.opened] = 5n;
    words[2 * ROW_WORDS + Counter.bytesUpstream] = 100n;
    words[second + 4 * ROW_WORDS + Counter.failed] = 3n;
    const reader = new CounterReader(words, 2, 3, noEnds);
    const { unheard: _, ...figures } = Counter;
    const none = Object.fromEntries(Object.keys(figures).map((name) => [name, 0]));
    expect(reader.listener(0)).toEqual(none);
    expect(reader.listener(1)).toEqual({ ...none, opened: 12 });
    expect(reader.backend(0)).toEqual({ ...none, bytesUpstream: 100 });
    expect(reader.backend(1)).toEqual(none);
    expect(reader.backend(2)).toEqual({ ...none, failed: 3 });
  });

  it('count beyond 32 bits', () => {
    const words = createCounterWords(1, 1, 1);
    const writer = new CounterWriter(words, 1);
    const terabyte = 2 ** 40;
    writer.addToBackend(0, 'bytesDownstream', terabyte);
    writer.addToBackend(0, 'bytesDownstream', terabyte);
    expect(new CounterReader(words, 1, 1, noEnds).backend(0).bytesDownstream).toBe(2 * terabyte);
  });

  it('go down as well as up', () => {
    const words = createCounterWords(1, 2, 1);
    const writer = new CounterWriter(words, 2);
    const reader = new CounterReader(words, 2, 1, noEnds);
    for (let session = 0; session < 3; session++) writer.addToListener(1, 'open', 1);
    writer.addToListener(1, 'open', -2);
    expect(reader.listener(1).open).toBe(1);
    writer.addToListener(1, 'open', -1);
    expect(reader.listener(1).open).toBe(0);
    expect(reader.listener(0).open).toBe(0);
    expect(reader.backend(0).open).toBe(0);
  });

  it('are right though one writer has taken away what another one has added', () => {
    const words = createCounterWords(2, 1, 1);
    const [first, second] = [words.subarray(0, words.length / 2), words.subarray(words.length / 2)];
    new CounterWriter(first, 1).addToListener(0, 'open', 3);
    new CounterWriter(second, 1).addToListener(0, 'open', -1);
    expect(new CounterReader(words, 1, 1, noEnds).listener(0).open).toBe(2);
  });

  it('are those of the native loops, in their order', () => {
    const header = new URL('../native/core/stats/counters.h', import.meta.url);
    const [, row = ''] =
      /^struct alignas\(64\) CounterRow \{\n(.*?)^\};/ms.exec(readFileSync(header, 'utf8')) ?? [];
    const names = [...row.matchAll(/^ {2}Counter (\w+);/gm)].map(([, name = '']) =>
      name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    );
    expect(Object.fromEntries(names.map((name, position) => [name, position]))).toEqual(Counter);
    expect(names.length).toBeLessThanOrEqual(ROW_WORDS);
  });

  it('are the figures of a row that a program reads, but for the one of the whole proxy', () => {
    expectTypeOf<keyof RowStats>().toEqualTypeOf<keyof CounterRow>();
  });
});
