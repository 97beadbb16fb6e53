/** The parts of the benchmark that can be wrong without anyone noticing. */
import { describe, expect, it } from 'vitest';
import { parseCoreList } from '../scripts/bench/measure/pinning.js';

describe('the cores to pin to', () => {
  it.each([
    ['0', [0]],
    ['0-3', [0, 1, 2, 3]],
    ['4-5,8,10-11', [4, 5, 8, 10, 11]],
  ])('are those that the kernel allows: %s', (list, cores) => {
    expect(parseCoreList(list)).toEqual(cores);
  });
});
