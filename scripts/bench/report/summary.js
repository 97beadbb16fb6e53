/** From samples to figures: medians, spreads, and ratios between peers. */
import { median, spread } from '../measure/statistics.js';
import { units } from '../workloads/units.js';

/** @import { Spread } from '../measure/statistics.js' */
/** @import { Sample } from '../run-workload.js' */
/** @import { Figure } from '../workloads/units.js' */
/** @import { ResultPeer, WorkloadResult } from './result.js' */

/** @typedef {{ peer: ResultPeer, figures: Readonly<Record<string, Spread>> }} PeerSummary */

/**
 * @param {readonly Sample[]} samples
 * @param {string} peer
 * @param {string} key of a figure
 * @returns {Spread | undefined} nothing unless every sample of the peer has it
 */
function spreadOf(samples, peer, key) {
  const values = samples
    .filter((sample) => sample.peer === peer)
    .map((sample) => sample.figures[key]);
  const numbers = values.filter((value) => value !== undefined);
  return numbers.length > 0 && numbers.length === values.length ? spread(numbers) : undefined;
}

/**
 * @param {WorkloadResult} result
 * @param {readonly ResultPeer[]} peers
 * @returns {PeerSummary[]} of those that have samples, in the order of `peers`
 */
export function summarise({ samples, unit }, peers) {
  return peers
    .filter(({ name }) => samples.some((sample) => sample.peer === name))
    .map((peer) => ({
      peer,
      figures: Object.fromEntries(
        units[unit].flatMap(({ key }) => {
          const value = spreadOf(samples, peer.name, key);
          return value ? [[key, value]] : [];
        }),
      ),
    }));
}

/**
 * The median of the ratios within a repetition, where the two ran next to each other: a machine that
 * changes its speed from minute to minute bends these the least.
 *
 * @param {readonly Sample[]} samples of one workload
 * @param {string} of
 * @param {string} to
 * @param {string} key of a figure
 * @returns {number | undefined} nothing where no repetition has both
 */
export function ratio(samples, of, to, key) {
  const ratios = samples
    .filter((sample) => sample.peer === of)
    .flatMap((upper) => {
      const lower = samples.find(
        (sample) => sample.peer === to && sample.repetition === upper.repetition,
      );
      const [a, b] = [upper.figures[key], lower?.figures[key]];
      return a === undefined || b === undefined || b === 0 ? [] : [a / b];
    });
  return ratios.length > 0 ? median(ratios) : undefined;
}

/**
 * @param {readonly PeerSummary[]} summaries
 * @param {Figure} figure
 * @returns {string | undefined} the name of the other proxy with the best median
 */
export function bestRival(summaries, { key, better }) {
  const direction = better === 'more' ? -1 : 1;
  const ranked = summaries
    .filter(({ peer, figures }) => peer.kind === 'rival' && figures[key] !== undefined)
    .map(({ peer, figures }) => ({ name: peer.name, value: figures[key]?.median ?? 0 }))
    .sort((a, b) => direction * (a.value - b.value));
  return ranked[0]?.name;
}
