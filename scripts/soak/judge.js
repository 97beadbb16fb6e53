/** What must hold at the end. */

/** @import { Load } from './loads.js' */
/** @import { Sample } from './soak.js' */

const mib = 1024 * 1024;

/**
 * How much more memory there may be at the last rest than after the warm-up. Of JavaScript: what the compiler keeps of code
 * that became hot late. Outside of it: what the allocator does not give back of the largest moment, which may come after
 * the warm-up. Descriptors, pipes and threads: not one more than before any load.
 */
export const growth = { heap: 6 * mib, outside: 24 * mib };

/**
 * @param {readonly Sample[]} rests
 * @param {readonly Load[]} loads
 * @returns {string[]} what does not hold
 */
export function judge(rests, loads) {
  const failures = loads.flatMap(({ service, wrong }) =>
    wrong.map((what) => `a wrong byte through ${service.name}: ${what}`),
  );
  const checked = loads.find(({ service }) => service.name === 'checked');
  if (!checked || checked.counts.sessions === 0) failures.push('no session was checked to its end');
  const [base, first] = rests;
  const last = rests.at(-1);
  if (!base || !first || !last || first === last) {
    return [...failures, 'there was no rest to compare with'];
  }
  for (const key of /** @type {const} */ (['descriptors', 'pipes', 'threads'])) {
    if (last[key] > base[key]) failures.push(`${key} at rest: ${base[key]}, then ${last[key]}`);
  }
  for (const key of /** @type {const} */ (['heap', 'outside'])) {
    if (last[key] - first[key] > growth[key]) {
      const words = [first[key], last[key]].map((bytes) => `${(bytes / mib).toFixed(1)} MiB`);
      failures.push(`memory (${key}) at rest: ${words.join(', then ')}`);
    }
  }
  return failures;
}
