/** Whether the packed package works where people install it; see docs/prebuilds.md. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { startProgress } from '../lib/progress.js';
import { pack } from '../pack/pack.js';
import { targets } from '../prebuild/targets.js';
import { emulations } from './emulate.js';
import { install, useCommand, useLibrary } from './install.js';
import { manager, managers, node, nodeVersions } from './programs.js';
import { inTools } from './tools.js';

const help = `Packs the package, installs it into empty folders without a compiler, and uses it there.

  npm run package-test -- [options]

  --node VERSION     one of ${nodeVersions.join(', ')}; may be given again
  --manager NAME     npm or pnpm; may be given again
  --no-tools         nothing with bundlers, test runners, workers and a cluster
  --no-emulation     nothing for the other machine and the other C library
  --this-machine     only the addon for this machine has to be there; implies --no-emulation
  --help

Wants the addons that \`npm run prebuilds\` makes. Exit status 1 when anything fails.
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
    const { values } = parseArgs({
      options: {
        node: { type: 'string', multiple: true, default: nodeVersions },
        manager: { type: 'string', multiple: true, default: Object.keys(managers) },
        'no-tools': { type: 'boolean', default: false },
        'no-emulation': { type: 'boolean', default: false },
        'this-machine': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message);
  }
}

/** @param {string} name @returns {name is keyof typeof managers} */
const isManager = (name) => name in managers;

/**
 * @typedef {object} Check
 * @property {string} name
 * @property {(folder: string) => Promise<string[]>} run in an empty folder; gives cells for the table
 */

/** @param {string} tarball @param {string} version @param {keyof typeof managers} name @returns {Check} */
function installation(tarball, version, name) {
  return {
    name: `Node ${version}, ${name}`,
    async run(folder) {
      const binary = await node(version, 'x64');
      const managerFile = await manager(name);
      const installed = await install(folder, {
        node: binary,
        manager: name,
        managerFile,
        tarball,
      });
      const command = await useCommand(installed);
      const { esm, cjs } = await useLibrary(installed, binary);
      for (const engine of [command, esm, cjs]) {
        if (engine !== 'native') throw new Error(`the engine was ${engine}`);
      }
      return [command, esm, cjs, `${installed.seconds.toFixed(1)} s`];
    },
  };
}

/** @param {Check} check @param {string} failed told of what went wrong */
async function cellsOf(check, failed) {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-package-'));
  try {
    return await check.run(folder);
  } catch (error) {
    print(`${check.name}: ${/** @type {Error} */ (error).message}\n`);
    return [failed];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns {Promise<number>} exit status */
export async function packageTest() {
  const options = readArguments();
  if (options.help) {
    print(help);
    return 0;
  }
  const names = options.manager.filter(isManager);
  if (names.length < options.manager.length) return usageError('--manager is npm or pnpm.');
  const unknown = options.node.find((version) => !nodeVersions.includes(version));
  if (unknown !== undefined) return usageError(`--node ${unknown} is not supported.`);

  const ownTargets = targets.filter(({ arch, libc }) => arch === process.arch && libc === 'glibc');
  const tarball = (await pack(options['this-machine'] ? ownTargets : targets)).file;
  const emulate = !options['no-emulation'] && !options['this-machine'];
  const kinds = [
    {
      head: ['installed with', 'command', 'ES module', 'CommonJS', 'took'],
      checks: options.node.flatMap((version) =>
        names.map((name) => installation(tarball, version, name)),
      ),
    },
    {
      head: ['with bundlers, test runners, workers', 'passed'],
      checks: options['no-tools'] ? [] : options.node.map((version) => inTools(tarball, version)),
    },
    {
      head: ['emulated', 'loaded', 'exercised'],
      checks: emulate ? emulations(tarball) : [],
    },
  ];
  const progress = startProgress(kinds.reduce((count, { checks }) => count + checks.length, 0));
  let failures = 0;
  for (const { head, checks } of kinds) {
    const table = new Table({ head, style: { head: [], border: [] } });
    for (const check of checks) {
      progress.doing(check.name);
      const cells = await cellsOf(check, 'FAILED');
      if (cells[0] === 'FAILED') failures += 1;
      table.push([check.name, ...cells]);
      progress.done(`${check.name}: ${cells.join(', ')}`);
    }
    if (checks.length > 0) print(table.toString());
  }
  progress.stop();
  print(`${path.basename(tarball)}: ${(statSync(tarball).size / 1024).toFixed(0)} KiB`);
  return failures > 0 ? 1 : 0;
}
