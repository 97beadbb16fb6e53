import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

/**
 * @typedef {object} TransfersOptions
 * @property {number} count
 * @property {string} seed
 * @property {string} engine
 * @property {string} transfer
 * @property {number | undefined} replay the number of one transfer
 * @property {string | undefined} json
 */

const engines = ['native', 'stream', 'all'];
const ways = ['auto', 'splice', 'copy', 'all'];

const help = `Random transfers through the proxy, between three network namespaces; both ends check every byte.

  npm run transfers -- [options]

  --count N           how many (default 1000)
  --seed TEXT         everything that is random comes from it (default: a new one, which is printed)
  --engine NAME       ${engines.join(', ')} (default all)
  --transfer NAME     of the native engine: ${ways.join(', ')} (default all)
  --replay NUMBER     one transfer of a seed, alone
  --json FILE         also writes what the table says, and more, to a file
  --help

Needs root. Exit status 1 when anything that was received is not what was sent, or a transfer hangs.
`;

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\n\n${help}`);
  process.exit(2);
}

/** @param {string} name @param {string} text @param {number} least */
function wholeNumber(name, text, least) {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least) return value;
  return usageError(`--${name} takes a whole number of ${least} or more, not ${text}.`);
}

/** @param {string} name @param {string} text @param {readonly string[]} known */
function oneOf(name, text, known) {
  if (known.includes(text)) return text;
  return usageError(`--${name} takes ${known.join(', ')}, not ${text}.`);
}

/**
 * Reads the command line; prints help or what is wrong with it and ends the process.
 *
 * @returns {TransfersOptions}
 */
export function readOptions() {
  const read = () => {
    try {
      return parseArgs({
        options: {
          count: { type: 'string', default: '1000' },
          seed: { type: 'string' },
          engine: { type: 'string', default: 'all' },
          transfer: { type: 'string', default: 'all' },
          replay: { type: 'string' },
          json: { type: 'string' },
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
  if (values.replay !== undefined && values.seed === undefined) {
    usageError('--replay needs the --seed that the transfer was drawn from.');
  }
  return {
    count: wholeNumber('count', values.count, 1),
    seed: values.seed ?? randomBytes(4).toString('hex'),
    engine: oneOf('engine', values.engine, engines),
    transfer: oneOf('transfer', values.transfer, ways),
    replay: values.replay === undefined ? undefined : wholeNumber('replay', values.replay, 0),
    json: values.json,
  };
}
