/** The lines of ratios below a table: Spliceway against each of the others, and the best of them. */
import { units } from '../workloads/units.js';
import { bestRival, ratio, summarise } from './summary.js';

/** @import { ResultPeer, WorkloadResult } from './result.js' */

/**
 * @typedef {object} RatioLine
 * @property {string} of name of a peer
 * @property {string} to name of a peer, or `best`: for each figure the proxy that is best in it
 * @property {readonly (number | undefined)[]} values one a figure of the unit
 */

/**
 * @param {WorkloadResult} result
 * @param {readonly ResultPeer[]} peers
 * @returns {RatioLine[]}
 */
export function ratioLines(result, peers) {
  const { samples, unit } = result;
  const summaries = summarise(result, peers);
  const figures = units[unit];
  /** @param {string} of @param {string} to @returns {RatioLine} */
  const against = (of, to) => ({
    of,
    to,
    values: figures.map(({ key }) => ratio(samples, of, to, key)),
  });
  /** @param {string} of @returns {RatioLine} */
  const againstBest = (of) => ({
    of,
    to: 'best',
    values: figures.map((figure) => {
      const best = bestRival(summaries, figure);
      return best === undefined ? undefined : ratio(samples, of, best, figure.key);
    }),
  });

  const present = summaries.map(({ peer }) => peer);
  const rivals = present.filter((peer) => peer.kind === 'rival');
  const others = present.filter((peer) => peer.kind !== 'own' || peer.name === 'stream');
  const lines = present.some((peer) => peer.name === 'native')
    ? others.map((peer) => against('native', peer.name))
    : [];
  if (rivals.length > 0) {
    for (const own of ['native', 'native-spin']) {
      if (present.some((peer) => peer.name === own)) lines.push(againstBest(own));
    }
  }
  return lines.filter(({ values }) => values.some((value) => value !== undefined));
}
