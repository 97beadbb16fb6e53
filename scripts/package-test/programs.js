/** Node in several versions, npm and pnpm, from the npm registry; kept from run to run. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';

const cache = inRoot('node_modules', '.cache', 'spliceway', 'programs');

/** The versions that the package supports. */
export const nodeVersions = ['20', '22', '24', '26'];

/** Managers by the files of theirs that Node runs. The newest that run on every Node above. */
export const managers = {
  npm: { spec: 'npm@11', file: 'bin/npm-cli.js' },
  pnpm: { spec: 'pnpm@10', file: 'bin/pnpm.cjs' },
};

/**
 * @param {string} version major
 * @param {'x64' | 'arm64'} arch
 * @returns {Promise<string>} the path of `node`
 */
export const node = async (version, arch) =>
  path.join(await unpacked(`node-linux-${arch}@${version}`), 'bin', 'node');

/** @param {keyof typeof managers} name @returns {Promise<string>} what Node is to run */
export const manager = async (name) =>
  path.join(await unpacked(managers[name].spec), managers[name].file);

/**
 * A package as it was published, without what it depends on: unpacked, and not installed, so that one for
 * another machine will do as well.
 *
 * @param {string} spec
 * @returns {Promise<string>} its folder
 */
async function unpacked(spec) {
  const folder = path.join(cache, spec);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(path.join(cache, 'work-'));
  try {
    const { status, output } = await run('npm', ['pack', '--json', spec], { cwd: work });
    if (status !== 0) throw new Error(`${output}\n${spec} was not fetched (above).`);
    const [{ filename }] = JSON.parse(output.slice(output.search(/^\[/m)));
    const untarred = await run('tar', ['-xzf', filename], { cwd: work });
    if (untarred.status !== 0) throw new Error(untarred.output);
    renameSync(path.join(work, 'package'), folder);
    return folder;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
