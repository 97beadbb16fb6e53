import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

/**
 * @typedef {object} SoakOptions
 * @property {number} minutes
 * @property {string} seed
 * @property {'native' | 'stream'} engine
 * @property {string} out the folder for the result and the plot
 * @property {boolean} page they go to docs/, with a page, instead
 */

const help = `Real servers and clients around a proxy, while nearly everything that can go wrong does.

  npm run soak -- [options]

  --minutes N     how long, also in fractions (default 10)
  --seed TEXT     the order of disturbances comes from it (default: a new one, which is printed)
  --engine NAME   native (default) or stream
  --out DIR       where the plot and the figures go (default: a new folder for temporary files)
  --page          writes docs/soak.md and its plot, too
  --help

Exit status 1 when a byte is wrong, a session is stuck, memory, descriptors or pipes grow, or the proxy ends.
`;

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\n\n${help}`);
  process.exit(2);
}

function read() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string', default: randomBytes(4).toString('hex') },
        engine: { type: 'string', default: 'native' },
        out: { type: 'string' },
        page: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message);
  }
}

/**
 * Reads the command line; prints help or what is wrong with it and ends the process.
 *
 * @returns {SoakOptions}
 */
export function readOptions() {
  const { help: wanted, minutes: text, engine, out, seed, page } = read();
  if (wanted) {
    process.stdout.write(help);
    process.exit(0);
  }
  const minutes = Number(text);
  if (!(minutes >= 0.2)) usageError(`--minutes takes a number of 0.2 or more, not ${text}.`);
  if (engine !== 'native' && engine !== 'stream') {
    return usageError(`--engine takes native or stream, not ${engine}.`);
  }
  const folder = out ?? mkdtempSync(path.join(tmpdir(), 'spliceway-soak-'));
  return { minutes, seed, engine, out: folder, page };
}
