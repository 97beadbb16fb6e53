/** From samples to figures: medians, spreads, and ratios between peers. */
import { comparisons } from '../catalogue.js';
import { median, spread } from '../measure/statistics.js';
import { units } from '../workloads/workload.js';

/** @import { Spread } from '../measure/statistics.js' */
/** @import { Sample } from '../run-workload.js' */
/** @import { UnitName } from '../workloads/workload.js' */

/**
 * @typedef {object} PeerSummary
 * @property {string} peer
 * @property {Spread} rate
 * @property {Spread} [cost] the proxy's CPU time for a unit
 * @property {Spread} [p99Ms]
 */

/**
 * @typedef {object} Ratio
 * @property {string} of
 * @property {string} to
 * @property {number} rate above 1: `of` delivers more
 * @property {number} cost below 1: `of` needs less CPU
 */

/**
 * @param {readonly (number | undefined)[]} values
 * @returns {Spread | undefined} nothing unless every sample has a value
 */
function spreadOfAll(values) {
  const numbers = values.filter((value) => value !== undefined);
  return numbers.length > 0 && numbers.length === values.length ? spread(numbers) : undefined;
}

/** @param {Sample} sample @param {UnitName} unitName */
const costOf = (sample, unitName) =>
  sample.cpuSeconds === undefined
    ? undefined
    : units[unitName].cost(sample.cpuSeconds, sample.amount);

/**
 * @param {readonly Sample[]} samples of one workload
 * @param {UnitName} unitName
 * @returns {PeerSummary[]} in the order that the peers first ran
 */
export function summarise(samples, unitName) {
  const names = [...new Set(samples.map((sample) => sample.peer))];
  return names.map((peer) => {
    const own = samples.filter((sample) => sample.peer === peer);
    const cost = spreadOfAll(own.map((sample) => costOf(sample, unitName)));
    const p99Ms = spreadOfAll(own.map((sample) => sample.p99Ms));
    return {
      peer,
      rate: spread(own.map(units[unitName].rate)),
      ...(cost ? { cost } : {}),
      ...(p99Ms ? { p99Ms } : {}),
    };
  });
}

/**
 * Each ratio is the median of the ratios within a repetition, where the two ran next to each other: a
 * machine that changes its speed from minute to minute bends these the least.
 *
 * @param {readonly Sample[]} samples of one workload
 * @param {UnitName} unitName
 * @returns {Ratio[]}
 */
export function compare(samples, unitName) {
  return comparisons.flatMap(([of, to]) => {
    /** @type {{ rate: number, cost: number }[]} */
    const ratios = [];
    for (const upper of samples.filter((sample) => sample.peer === of)) {
      const lower = samples.find(
        (sample) => sample.peer === to && sample.repetition === upper.repetition,
      );
      if (lower === undefined) continue;
      const { rate } = units[unitName];
      const cost =
        (costOf(upper, unitName) ?? Number.NaN) / (costOf(lower, unitName) ?? Number.NaN);
      ratios.push({ rate: rate(upper) / rate(lower), cost });
    }
    if (ratios.length === 0) return [];
    const rate = median(ratios.map((ratio) => ratio.rate));
    const cost = median(ratios.map((ratio) => ratio.cost));
    return [{ of, to, rate, cost }];
  });
}
