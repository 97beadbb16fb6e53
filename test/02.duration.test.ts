import { describe, expect, it } from 'vitest';
import {
  formatDuration,
  formatMicroseconds,
  parseDuration,
  parseMicroseconds,
} from '../src/config/duration.js';
import { parseOptions } from '../src/config/schema.js';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['5s', 5000],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['90s', 90_000],
    ['0', 0],
    ['0s', 0],
    [0, 0],
    [1500, 1500],
    ['596h', 2_145_600_000],
  ])('reads %j as %d ms', (input, milliseconds) => {
    expect(parseDuration(input)).toBe(milliseconds);
  });

  it.each([
    ['', 'write a whole number and ms, s, m or h'],
    ['5', 'the unit is missing; write 5ms or 5s'],
    ['5 s', 'write a whole number and ms, s, m or h'],
    ['5S', 'write a whole number and ms, s, m or h'],
    ['50us', 'microseconds are too fine here; write 1ms or more'],
    ['1d', 'write a whole number and ms, s, m or h'],
    ['-5s', 'write a whole number and ms, s, m or h'],
    ['1.5s', 'the number must be whole; write 1500ms instead of 1.5s'],
    ['never', 'write a whole number and ms, s, m or h, as in 500ms, 5s, 1m or 1h, or 0 for off'],
    ['597h', 'the longest is 596h; write 0 for off'],
    ['99999999999999999999ms', 'the longest is 596h'],
    ['99999999999h', 'the longest is 596h'],
    [-1, 'whole and not negative'],
    [0.5, 'whole and not negative'],
    [Number.NaN, 'whole and not negative'],
    [Number.POSITIVE_INFINITY, 'the longest is 596h'],
    [Number.NEGATIVE_INFINITY, 'whole and not negative'],
    [2 ** 31, 'the longest is 596h'],
  ])('refuses %j: %s', (input, reason) => {
    expect(() => parseDuration(input)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPLICEWAY_INVALID_DURATION',
        message: expect.stringContaining(reason),
      }),
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0'],
    [1, '1ms'],
    [1500, '1500ms'],
    [5000, '5s'],
    [90_000, '90s'],
    [300_000, '5m'],
    [7_200_000, '2h'],
  ])('writes %d ms as %s, which reads back the same', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
    expect(parseDuration(text)).toBe(milliseconds);
  });
});

describe('parseMicroseconds', () => {
  it.each([
    ['50us', 50, '50us'],
    ['1000us', 1000, '1ms'],
    ['2ms', 2000, '2ms'],
    [3, 3000, '3ms'],
    ['1s', 1_000_000, '1s'],
    ['0us', 0, '0'],
    ['0', 0, '0'],
  ])('reads %j as %d µs, written as %s', (input, microseconds, text) => {
    expect(parseMicroseconds(input, 1000)).toBe(microseconds);
    expect(formatMicroseconds(microseconds)).toBe(text);
    expect(parseMicroseconds(text, 1000)).toBe(microseconds);
  });

  it.each([
    ['1000001us', 'the longest here is 1s'],
    ['2s', 'the longest here is 1s'],
    ['50', 'the unit is missing'],
    ['0.5us', 'the number must be whole'],
    ['-1us', 'write a whole number'],
    [0.5, 'whole and not negative'],
  ])('refuses %j: %s', (input, reason) => {
    expect(() => parseMicroseconds(input, 1000)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPLICEWAY_INVALID_DURATION',
        message: expect.stringContaining(reason),
      }),
    );
  });
});

describe('a duration of a configuration', () => {
  it.each([true, false, null, {}])('says how to switch it off: %j', (keepAlive) => {
    const options = { backends: 'a:1', keepAlive };
    expect(() => parseOptions(options)).toThrow(
      /keepAlive: .* is not a duration; .*, or 0 for off/,
    );
  });
});
