import { parseArgs } from 'node:util';
import { full, quick } from './catalogue.js';

/** What is measured by itself, without peers. */
const onlys = /** @type {const} */ (['core', 'changes', 'policies']);
/** @typedef {typeof onlys[number]} Only */

/**
 * @typedef {object} BenchOptions
 * @property {boolean} quick
 * @property {number} repetitions of each peer under each workload
 * @property {number} seconds of one run
 * @property {readonly string[] | undefined} workloads names; all when not given
 * @property {readonly string[] | undefined} peers names; all when not given
 * @property {boolean} full nothing was asked for that makes the run smaller
 * @property {Only | undefined} only one of these, and nothing else
 * @property {string | undefined} report a result to write the page of, in place of measuring
 */

const help = `Measures Spliceway side by side with other proxies, and all of them against no proxy at all.

  npm run bench -- [options]

  --quick             the most important of it in three minutes: ${quick.repetitions} repetitions of ${quick.seconds} s,
                      instead of ${full.repetitions} of ${full.seconds} s of everything (about half an hour)
  --repetitions N     how often each peer runs under each workload
  --seconds N         how long one run lasts
  --workload NAME     only this workload (may be given again)
  --peer NAME         only this peer (may be given again), also where it takes no part by itself
  --only core         what pieces of the core cost, as a table, and nothing else
  --only changes      what it costs to change a small configuration and large ones, as a table
  --only policies     what new connections cost by each policy, as a table
  --report FILE       writes the page of a result in bench-results/ again, and measures nothing
  --help

Peers take turns within each repetition, so that a machine that slows down or speeds up does so for all.
With two cores or more, clients and servers share the first and the proxy has the second to itself.
Figures are medians, with the lowest and the highest beside them. Ratios are taken within a repetition.

  Gbit/s          10^9 bits of payload a second, as the receiving end counted them
  CPU s/GB        the proxy's user and system time for 10^9 bytes of payload delivered
  CPU us/request  the same time for one request and its answer

Tables are printed. bench-results/ gets every sample with a description of the machine, as JSON, and a page
with plots; a full run writes the page to docs/BENCHMARKS.md instead.
`;

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\n\n${help}`);
  process.exit(2);
}

/**
 * @param {string} name
 * @param {string | undefined} text
 * @param {number} otherwise
 */
function wholeNumber(name, text, otherwise) {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  return usageError(`--${name} takes a whole number of 1 or more, not ${text}.`);
}

/**
 * Reads the command line; prints help or what is wrong with it and ends the process.
 *
 * @param {string[]} args
 * @returns {BenchOptions}
 */
export function readOptions(args) {
  const read = () => {
    try {
      return parseArgs({
        args,
        options: {
          quick: { type: 'boolean', default: false },
          repetitions: { type: 'string' },
          seconds: { type: 'string' },
          workload: { type: 'string', multiple: true },
          peer: { type: 'string', multiple: true },
          only: { type: 'string' },
          report: { type: 'string' },
          help: { type: 'boolean', default: false },
        },
      }).values;
    } catch (error) {
      return usageError(/** @type {Error} */ (error).message);
    }
  };
  const values = read();
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const only = onlys.find((name) => name === values.only);
  if (values.only !== undefined && only === undefined) {
    return usageError(`--only takes ${onlys.join(', ')}, not ${values.only}.`);
  }
  const extent = values.quick ? quick : full;
  const repetitions = wholeNumber('repetitions', values.repetitions, extent.repetitions);
  const seconds = wholeNumber('seconds', values.seconds, extent.seconds);
  return {
    quick: values.quick,
    repetitions,
    seconds,
    workloads: values.workload,
    peers: values.peer,
    full:
      !values.quick &&
      values.workload === undefined &&
      values.peer === undefined &&
      repetitions >= full.repetitions &&
      seconds >= full.seconds,
    only,
    report: values.report,
  };
}
