/** The figures of a soak as tables, for the terminal and for the page. */
import Table from 'cli-table3';

/** @import { Result, Sample } from './soak.js' */

/** @typedef {{ head: string[], rows: string[][] }} Rows */

/** @param {number} number */
const grouped = (number) => number.toLocaleString('en');
/** @param {number} bytes */
const mib = (bytes) => (bytes / 1024 / 1024).toFixed(1);

/** @param {Result} result @returns {Rows} a row a rest */
export function restRows({ rests }) {
  /** @param {Sample} sample @param {number} index */
  const row = (sample, index) => [
    index === 0 ? 'before' : `${Math.round(sample.at)} s`,
    ...[sample.opened, sample.open, sample.descriptors, sample.pipes, sample.threads].map(grouped),
    ...[mib(sample.outside), mib(sample.heap)],
    sample.cpuSeconds.toFixed(0),
  ];
  return {
    head: [
      ...['at rest', 'sessions so far', 'open', 'descriptors', 'pipe ends', 'threads'],
      ...['memory, MiB', 'heap of JavaScript, MiB', 'CPU, s'],
    ],
    rows: rests.map(row),
  };
}

/** @param {Result} result @returns {Rows} a row a load */
export function loadRows({ loads }) {
  return {
    head: [
      'load',
      'runs',
      'runs that failed',
      'sessions checked whole',
      'cut short',
      'bytes checked',
    ],
    rows: loads.map(({ name, well, failed, sessions, cut, bytes }) => [
      name,
      ...[well + failed, failed].map(grouped),
      ...(name === 'checked' ? [sessions, cut, bytes].map(grouped) : ['', '', '']),
    ]),
  };
}

/** @param {Result} result @returns {Rows} */
export function disturbanceRows({ disturbances }) {
  return {
    head: ['disturbance', 'times'],
    rows: Object.entries(disturbances).map(([what, times]) => [what, String(times)]),
  };
}

/** @param {Rows} rows */
function text({ head, rows }) {
  const table = new Table({
    head,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows);
  return table.toString();
}

/** @param {Result} result @returns {string} for a terminal */
export function summaryTable(result) {
  return [restRows, loadRows, disturbanceRows].map((rows) => text(rows(result))).join('\n');
}
