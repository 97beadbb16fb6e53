import Table from 'cli-table3';
import { peers } from '../catalogue.js';
import { units } from '../workloads/workload.js';

/** @import { Spread } from '../measure/statistics.js' */
/** @import { Workload } from '../workloads/workload.js' */
/** @import { PeerSummary, Ratio } from './summary.js' */

/**
 * @param {Spread | undefined} value
 * @param {number} digits after the point
 */
function cell(value, digits) {
  if (value === undefined) return '';
  const [middle, low, high] = [value.median, value.lowest, value.highest].map((number) =>
    number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
  return `${middle}  (${low} to ${high})`;
}

/**
 * @param {Workload} workload
 * @param {readonly PeerSummary[]} summaries
 * @param {readonly Ratio[]} ratios
 * @returns {string} with a title line, ready to print
 */
export function renderTable(workload, summaries, ratios) {
  const unit = units[workload.unit];
  const hasP99 = summaries.some((summary) => summary.p99Ms !== undefined);
  const table = new Table({
    head: ['', unit.rateTitle, unit.costTitle, ...(hasP99 ? ['p99 ms'] : [])],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const order = peers.map((peer) => peer.name);
  const sorted = [...summaries].sort((a, b) => order.indexOf(a.peer) - order.indexOf(b.peer));
  for (const { peer, rate, cost, p99Ms } of sorted) {
    const title = peers.find((candidate) => candidate.name === peer)?.title ?? peer;
    const cells = [title, cell(rate, unit.rateDigits), cell(cost, unit.costDigits)];
    table.push(hasP99 ? [...cells, cell(p99Ms, 2)] : cells);
  }
  for (const { of, to, rate, cost } of ratios) {
    const cells = [`${of} / ${to}`, `${rate.toFixed(2)} x`, `${cost.toFixed(2)} x`];
    table.push(hasP99 ? [...cells, ''] : cells);
  }
  return `${workload.title}\n${table.toString()}`;
}
