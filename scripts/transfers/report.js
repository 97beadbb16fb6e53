/** The table at the end of a run. */
import Table from 'cli-table3';
import { proxyTitle } from './configurations.js';

/** @import { Configuration } from './configurations.js' */
/** @import { Outcome } from './run-configuration.js' */
/** @typedef {{ configuration: Configuration, outcome: Outcome }} Result */
/** @typedef {'transfers' | 'bytes' | 'resets' | 'halfCloses' | 'unheard'} Count */

/** @type {readonly Count[]} */
const counts = ['transfers', 'bytes', 'resets', 'halfCloses', 'unheard'];

/** @param {readonly Result[]} results @param {Count} count */
const total = (results, count) =>
  results.reduce((sum, { outcome }) => sum + outcome[count], 0).toLocaleString('en');

/** @param {readonly Result[]} results */
const failures = (results) =>
  results.reduce((sum, { outcome }) => sum + outcome.failures.length, 0);

/**
 * A row for each kind of proxy, over all its networks.
 *
 * @param {readonly Result[]} results
 * @returns {string}
 */
export function summaryTable(results) {
  const table = new Table({
    head: ['proxy', ...['transfers', 'bytes', 'resets', 'half-closes', 'unheard'], 'failures'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const titles = new Set(results.map(({ configuration }) => proxyTitle(configuration)));
  /** @param {string} title @param {readonly Result[]} rows */
  const row = (title, rows) => [
    title,
    ...counts.map((count) => total(rows, count)),
    String(failures(rows)),
  ];
  for (const title of titles) {
    table.push(
      row(
        title,
        results.filter(({ configuration }) => proxyTitle(configuration) === title),
      ),
    );
  }
  table.push(row('all', results));
  return table.toString();
}
