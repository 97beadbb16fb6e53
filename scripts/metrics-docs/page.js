/** The tables of docs/metrics.md, which are made from the table of metrics. */

/** @import { Collector } from '../../src/control/status/metrics/metric.js' */

const BEGIN = '<!-- What follows is written by npm run docs:metrics. -->\n';

/**
 * @param {string} page docs/metrics.md; what stands before the tables stays as it is written
 * @param {readonly Collector[]} table
 */
export function withMetrics(page, table) {
  const [before] = page.split(BEGIN);
  return [before, BEGIN, ...table.map(sectionOf)].join('');
}

/** @param {Collector} collector */
function sectionOf({ name, of, labels, metrics }) {
  const word = labels.length === 1 ? 'label' : 'labels';
  const common = labels.length === 0 ? '' : ` All have the ${word} ${listOf(labels)}.`;
  const rows = metrics.map(({ name: metric, type, labels: own = [], help }) =>
    `| \`${metric}\` | ${type} | ${listOf(own)} | ${help} |\n`.replaceAll('|  |', '| |'),
  );
  return [
    `\n### \`${name}\`: of ${of}\n\n`,
    `\`?collect[]=${name}\` asks for these.${common}\n\n`,
    '| metric | type | more labels | meaning |\n|---|---|---|---|\n',
    ...rows,
  ].join('');
}

/** @param {readonly string[]} names */
const listOf = (names) => names.map((name) => `\`${name}\``).join(', ');
