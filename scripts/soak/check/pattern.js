/** Bytes that no two offsets share for long, so that one that is lost, doubled or displaced is seen. */

/** A prime, so that no buffer's size is a multiple of it. */
const period = 1_000_003;

const pattern = Buffer.alloc(2 * period);
for (let index = 0, state = 1; index < pattern.length; index++) {
  if (index % period === 0) state = 1;
  // The multiplier of L'Ecuyer's table for 2^32 (Mathematics of Computation 68, 1999).
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  pattern[index] = state >>> 24;
}

/**
 * @param {number} offset
 * @param {number} length at most a million
 * @returns {Buffer} what belongs there; not to be written to
 */
export function patternAt(offset, length) {
  const start = offset % period;
  return pattern.subarray(start, start + Math.min(length, period));
}
