/** The addons of the package, for every machine that it supports; see docs/prebuilds.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { startProgress } from '../lib/progress.js';
import { SetupError } from '../setup/setup-error.js';
import { build } from './build.js';
import { gate, judge, sha256 } from './gates.js';
import { inputs, takeIn } from './made.js';
import { targets } from './targets.js';
import { zig } from './toolchain.js';

/** @import { Verdict } from './gates.js' */
/** @import { Target } from './targets.js' */
/** @typedef {{ target: Target, verdicts: Verdict[] }} Judged */

const help = `Cross-compiles the addon for every machine that the package supports, and judges what came out.

  npm run prebuilds -- [options]

  --only NAME   one of ${targets.map(({ name }) => name).join(', ')}; may be given again
  --twice       builds each a second time, in another folder: the two must be the same, byte for byte
  --help

The addons go to prebuilds/, but for those that do not pass a gate. Exit status 1 when one does not pass, or does not build.
`;

/** @param {string} text */
const print = (text) => process.stdout.write(`${text}\n`);

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\n\n${help}`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: targets.map(({ name }) => name) },
        twice: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message);
  }
}

/** @returns {Promise<number>} exit status */
export async function prebuild() {
  const options = readArguments();
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  const unknown = options.only.find((name) => targets.every((target) => target.name !== name));
  if (unknown !== undefined) return usageError(`--only ${unknown} is none of the targets.`);
  const wanted = targets.filter(({ name }) => options.only.includes(name));
  try {
    const judged = await buildAll(wanted, options.twice);
    print(asTable(judged));
    return judged.every(({ verdicts }) => verdicts.every(({ passed }) => passed)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

/** @param {readonly Target[]} wanted @param {boolean} twice @returns {Promise<Judged[]>} */
async function buildAll(wanted, twice) {
  const compiler = await zig((message) => process.stderr.write(`${message}\n`));
  const progress = startProgress(wanted.length * (twice ? 2 : 1));
  const built = mkdtempSync(path.join(tmpdir(), 'spliceway-prebuilds-'));
  try {
    const judged = [];
    for (const target of wanted) {
      progress.doing(target.name);
      const madeOf = inputs();
      const first = await build(target, compiler, path.join(built, 'first'));
      progress.done(`${target.name} is built`);
      const verdicts = await judge(first, target);
      verdicts.push(gate('SHA-256', short(first), true));
      if (twice) {
        const second = await build(target, compiler, path.join(built, 'second'));
        progress.done(`${target.name} is built again`);
        verdicts.push(gate('built again', short(second), sha256(first) === sha256(second)));
      }
      judged.push({ target, verdicts });
      takeIn(first, target, verdicts, madeOf);
    }
    return judged;
  } finally {
    progress.stop();
    rmSync(built, { recursive: true, force: true });
  }
}

/** @param {string} file */
const short = (file) => sha256(file).slice(0, 16);

/** @param {readonly Judged[]} judged a column each */
function asTable(judged) {
  const table = new Table({
    head: ['gate', ...judged.map(({ target }) => target.name)],
    style: { head: [], border: [] },
  });
  const gates = judged[0]?.verdicts.map((verdict) => verdict.gate) ?? [];
  for (const [index, name] of gates.entries()) {
    table.push([
      name,
      ...judged.map(({ verdicts }) => {
        const { found = '', passed = false } = verdicts[index] ?? {};
        return passed ? found : `${found}\nNOT PASSED`;
      }),
    ]);
  }
  return table.toString();
}
