/** Tables, for the terminal and for the page: the same rows. */
import Table from 'cli-table3';
import { units } from '../workloads/units.js';
import { formatRatio, formatSpread } from './numbers.js';
import { ratioLines } from './ratios.js';
import { summarise } from './summary.js';

/** @import { Result, WorkloadResult } from './result.js' */

/** @typedef {{ head: string[], rows: string[][] }} Rows */

/**
 * @param {Result} result
 * @param {WorkloadResult} of
 * @returns {{ figures: Rows, ratios: Rows }} medians and spreads; ratios
 */
export function workloadRows({ peers }, of) {
  const figures = units[of.unit];
  const titles = figures.map(({ title }) => title);
  const summaries = summarise(of, peers);
  /** @param {string} name */
  const titleOf = (name) =>
    name === 'best' ? 'best proxy' : (peers.find((peer) => peer.name === name)?.title ?? name);
  return {
    figures: {
      head: ['', ...titles],
      rows: summaries.map((summary) => [
        summary.peer.title,
        ...figures.map(({ key, digits }) => formatSpread(summary.figures[key], digits)),
      ]),
    },
    ratios: {
      head: ['', ...titles],
      rows: ratioLines(of, peers).map(({ of: upper, to, values }) => [
        `${titleOf(upper)} / ${titleOf(to)}`,
        ...values.map(formatRatio),
      ]),
    },
  };
}

/** @param {Rows} rows @returns {string} for a terminal */
export function renderText({ head, rows }) {
  const table = new Table({
    head,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows);
  return table.toString();
}

/**
 * @param {Rows} rows
 * @param {number} [textColumns] how many at the left hold words and not numbers
 * @returns {string} for a page
 */
export function renderMarkdown({ head, rows }, textColumns = 1) {
  const rule = head.map((_, index) => (index < textColumns ? '---' : '---:'));
  const lines = [head, rule, ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * @param {Result} result
 * @param {WorkloadResult} of
 * @returns {string} with a title line, ready to print
 */
export function renderTable(result, of) {
  const { figures, ratios } = workloadRows(result, of);
  const rows = [...figures.rows, ...ratios.rows];
  return `${of.title}\n${renderText({ head: figures.head, rows })}`;
}
