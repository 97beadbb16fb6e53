/** How long the parts of a step took, for the summary. */

/**
 * @typedef {object} Timing
 * @property {string} name of a test, or of what was built
 * @property {number} seconds
 */

/**
 * @template T
 * @param {Timing[]} timings gets one more
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function timed(timings, name, work) {
  const start = performance.now();
  try {
    return await work();
  } finally {
    timings.push({ name, seconds: (performance.now() - start) / 1000 });
  }
}
