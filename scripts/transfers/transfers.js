/** Random transfers through every configuration, in three network namespaces; see docs/transfers.md. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { startNetwork } from '../lib/network.js';
import { nobodyRemedy } from '../lib/nobody.js';
import { findProgram } from '../lib/run.js';
import { catalogue } from './configurations.js';
import { buildEnds } from './ends.js';
import { drawTransfer } from './plan.js';
import { runConfiguration } from './run-configuration.js';

/** @import { Configuration } from './configurations.js' */
/** @import { Transfer } from './plan.js' */
/** @import { Outcome } from './run-configuration.js' */

/** Programs, each with the Debian package that brings it. */
const programs = {
  ...{ 'g++': 'g++', ip: 'iproute2', ss: 'iproute2', ethtool: 'ethtool' },
  ...{ setpriv: 'util-linux', prlimit: 'util-linux' },
};
/** What the ends hash with. */
const header = '/usr/include/openssl/sha.h';

/**
 * What keeps this machine from it.
 *
 * @returns {string | undefined} what to do about that; nothing when it can run
 */
export function remedy() {
  if (process.getuid?.() !== 0) return 'be root, for network namespaces';
  const missing = Object.entries(programs).filter(([name]) => findProgram(name) === undefined);
  const packages = new Set(missing.map(([, debianPackage]) => debianPackage));
  if (!existsSync(header)) packages.add('libssl-dev');
  if (packages.size > 0) return `apt-get install ${[...packages].join(' ')}`;
  if (spawnSync('unshare', ['--net', 'true']).status !== 0) {
    return 'be root where root may make network namespaces: not in a plain container';
  }
  return nobodyRemedy();
}

/**
 * Transfers are numbered from 0 and take the configurations in turn.
 *
 * @typedef {object} Selection
 * @property {string} seed
 * @property {(configuration: Configuration) => boolean} chosen
 * @property {number} count of transfers
 * @property {number} [only] the number of the one transfer to run
 *
 * @param {Selection} selection
 * @returns {Map<Configuration, Transfer[]>}
 */
function select({ seed, chosen, count, only }) {
  /** @type {Map<Configuration, Transfer[]>} */
  const selected = new Map();
  if (!catalogue.some(chosen)) return selected;
  const first = only ?? 0;
  const wanted = only === undefined ? count : 1;
  for (let number = first, found = 0; found < wanted; number++) {
    const configuration = /** @type {Configuration} */ (catalogue[number % catalogue.length]);
    if (only === undefined && !chosen(configuration)) continue;
    found += 1;
    const transfers = selected.get(configuration) ?? [];
    transfers.push(drawTransfer(seed, number));
    selected.set(configuration, transfers);
  }
  return selected;
}

/**
 * Goes on after failures, but not in a configuration in which a transfer is stuck.
 *
 * @param {Selection} selection
 * @param {(configuration: Configuration) => void} [onJudged] called after each transfer
 * @returns {Promise<{ configuration: Configuration, outcome: Outcome }[]>}
 * @throws when the machine lacks something (`remedy`), or a program ends on its own
 */
export async function runTransfers(selection, onJudged = () => {}) {
  const program = await buildEnds();
  const network = await startNetwork();
  const results = [];
  try {
    for (const [configuration, transfers] of select(selection)) {
      const place = { network, program, seed: selection.seed };
      const judged = () => onJudged(configuration);
      const outcome = await runConfiguration(configuration, transfers, place, judged);
      results.push({ configuration, outcome });
    }
    return results;
  } finally {
    network.remove();
  }
}
