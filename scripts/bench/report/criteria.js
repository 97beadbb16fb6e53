/** What the project wants of itself, and whether a result shows it. */
import { workloads } from '../catalogue.js';
import { units } from '../workloads/units.js';
import { formatNumber } from './numbers.js';
import { bestRival, ratio, summarise } from './summary.js';

/** @import { Result, WorkloadResult } from './result.js' */

/**
 * @typedef {object} Criterion
 * @property {string} workload
 * @property {string} figure its key
 * @property {string} of the peer that it is about
 * @property {string} [to] another peer, or `best`: the other proxy that is best in this figure; without
 *   it the figure itself is meant
 * @property {number} [atLeast]
 * @property {number} [atMost]
 */

/** @type {(workload: string, figure: string, to: string, limit: object) => Criterion} */
const native = (workload, figure, to, limit) => ({ workload, figure, of: 'native', to, ...limit });

/**
 * The same is wanted where nobody is paced: a lead that comes of pacing alone shows there.
 *
 * @param {string} suffix of the workloads' names
 */
const bulk = (suffix = '') => [
  native(`bulk-1${suffix}`, 'cost', 'haproxy-best', { atMost: 0.8 }),
  native(`bulk-1${suffix}`, 'cost', 'go', { atMost: 0.45 }),
  native(`bulk-1${suffix}`, 'cost', 'nginx', { atMost: 0.33 }),
  native(`bulk-1${suffix}`, 'cost', 'pipe', { atMost: 0.33 }),
  native(`bulk-1${suffix}`, 'rate', 'haproxy-best', { atLeast: 1.15 }),
  native(`bulk-1${suffix}`, 'rate', 'none', { atLeast: 0.85 }),
  native(`bulk-8${suffix}`, 'rate', 'best', { atLeast: 1.1 }),
  native(`bulk-8${suffix}`, 'cost', 'best', { atMost: 1 }),
];

/** @type {readonly Criterion[]} */
export const criteria = [
  ...bulk(),
  ...bulk('-unpaced'),
  native('requests-50', 'rate', 'best', { atLeast: 1.05 }),
  native('requests-50', 'p99', 'best', { atMost: 0.9 }),
  native('requests-50', 'cost', 'best', { atMost: 0.9 }),
  { ...native('requests-1', 'rate', 'best', { atLeast: 2 }), of: 'native-spin' },
  native('churn', 'rate', 'best', { atLeast: 1.05 }),
  native('churn', 'cost', 'best', { atMost: 0.9 }),
  native('idle-memory', 'memory', 'haproxy', { atMost: 0.1 }),
  { workload: 'blocked-loop', figure: 'kept', of: 'library', atLeast: 0.98 },
  { workload: 'blocked-loop', figure: 'refused', of: 'library', atMost: 0 },
  { workload: 'blocked-loop', figure: 'late', of: 'library', atMost: 0 },
];

/**
 * @typedef {object} Verdict
 * @property {string} claim
 * @property {string} measured
 * @property {'yes' | 'no' | 'not measured'} holds
 */

/**
 * @param {Criterion} criterion
 * @param {Result} result
 * @param {WorkloadResult | undefined} of
 * @returns {{ value: number | undefined, to: string | undefined }}
 */
function measure({ figure, of: peer, to }, { peers }, of) {
  if (of === undefined) return { value: undefined, to };
  const summaries = summarise(of, peers);
  if (to === undefined) {
    const own = summaries.find((summary) => summary.peer.name === peer)?.figures[figure];
    // What must never happen must not happen in any repetition.
    const rare = figure === 'refused' || figure === 'late';
    return { value: rare ? own?.highest : own?.median, to };
  }
  const described = units[of.unit].find(({ key }) => key === figure);
  const rival = to === 'best' && described ? bestRival(summaries, described) : to;
  const value = rival === undefined ? undefined : ratio(of.samples, peer, rival, figure);
  return { value, to: rival };
}

/**
 * @param {Result} result
 * @returns {Verdict[]} one a criterion
 */
export function judge(result) {
  /** @param {string | undefined} name */
  const titleOf = (name) => result.peers.find((peer) => peer.name === name)?.title ?? name ?? '';
  return criteria.map((criterion) => {
    const { workload, figure, of: peer, atLeast, atMost } = criterion;
    const found = result.results.find((candidate) => candidate.workload === workload);
    const { value, to } = measure(criterion, result, found);
    const unit = workloads.flat().find((candidate) => candidate.name === workload)?.unit;
    const name = unit && units[unit].find(({ key }) => key === figure)?.title;
    const limit = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const reference =
      criterion.to === undefined
        ? ''
        : ` x ${criterion.to === 'best' ? 'the best other proxy' : titleOf(criterion.to)}`;
    const claim = `${workload}: ${titleOf(peer)}, ${name} ${limit}${reference}`;
    if (value === undefined) return { claim, measured: '', holds: 'not measured' };
    const holds = (atLeast === undefined || value >= atLeast) && value <= (atMost ?? Infinity);
    const whole = figure === 'refused' || figure === 'late';
    const against = criterion.to === 'best' ? ` (${titleOf(to)})` : '';
    const measured = `${formatNumber(value, whole ? 0 : 2)}${against}`;
    return { claim, measured, holds: holds ? 'yes' : 'no' };
  });
}
