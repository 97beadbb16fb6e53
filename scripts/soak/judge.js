/** What must hold at the end. */

import { disturbances } from './chaos.js';

/** @import { Load } from './loads.js' */
/** @import { Result, Sample } from './soak.js' */
/** @typedef {Result['events'][number]} Event */

const mib = 1024 * 1024;

/**
 * How much more memory there may be at the last rest than after the warm-up. Of JavaScript: what the compiler keeps of code
 * that became hot late. Outside of it: what the allocator does not give back of the largest moment, which may come after
 * the warm-up. Descriptors, pipes and threads: not one more than before any load.
 */
const growth = { heap: 6 * mib, outside: 24 * mib };

/**
 * A server that is killed ends its streams, and the proxy passes that on: for so long after it, to clients who read
 * slowly. All other ends before their time are a proxy's.
 */
const endsAfterKillMs = 6000;

/** @param {Load} load @param {readonly Event[]} events */
function judgeLoad({ service, counts, wrong, ends }, events) {
  const failures = wrong.map((what) => `${service.name}: ${what}`);
  if (counts.well === 0) failures.push(`no run of ${service.name} ended well`);
  const kills = events.filter(({ what }) => what.startsWith(`kill and restart ${service.name}`));
  const early = ends.filter(
    (end) => !kills.some(({ time }) => end >= time && end < time + endsAfterKillMs),
  );
  if (early.length > 0) failures.push(`${early.length} streams of ${service.name} ended too early`);
  return failures;
}

/**
 * @param {Sample} sample
 * @param {Sample} base before any load
 */
const judgeRest = (sample, base) =>
  /** @type {const} */ (['descriptors', 'pipes', 'threads']).flatMap((key) =>
    sample[key] > base[key]
      ? [`${key} at rest: ${base[key]}, then ${sample[key]} at ${Math.round(sample.at)} s`]
      : [],
  );

/**
 * @param {object} soak
 * @param {readonly Sample[]} soak.rests the first before any load
 * @param {readonly Load[]} soak.loads
 * @param {readonly Event[]} soak.events
 * @param {Readonly<Record<string, number>>} soak.disturbances
 * @returns {string[]} what does not hold
 */
export function judge({ rests, loads, events, disturbances: done }) {
  const failures = loads.flatMap((load) => judgeLoad(load, events));
  const missing = Object.keys(disturbances).length - Object.keys(done).length;
  if (missing > 0) failures.push(`there was no time for ${missing} kinds of disturbances`);
  const [base, first] = rests;
  const last = rests.at(-1);
  if (!base || !first || !last || first === last) {
    return [...failures, 'there was no rest to compare with'];
  }
  failures.push(...rests.flatMap((sample) => judgeRest(sample, base)));
  for (const key of /** @type {const} */ (['heap', 'outside'])) {
    if (last[key] - first[key] > growth[key]) {
      const words = [first[key], last[key]].map((bytes) => `${(bytes / mib).toFixed(1)} MiB`);
      failures.push(`memory (${key}) at rest: ${words.join(', then ')}`);
    }
  }
  return failures;
}
