/** Installs the tarball into an empty folder, as somebody without a compiler does, and uses it. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startProgram } from '../lib/program.js';
import { inRoot } from '../lib/root.js';
import { findProgram, run } from '../lib/run.js';
import { roundTrip, startEcho } from './echo.js';

const { devDependencies } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));

/** What the starters that npm and pnpm make of a package's commands call. */
const tools = ['sh', 'env', 'dirname', 'sed', 'uname', 'basename', 'readlink', 'cat'];

/**
 * @param {string} folder
 * @param {string} node path of the binary
 * @returns {string} a PATH with this Node and nothing that compiles
 */
function barePath(folder, node) {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(node, path.join(bin, 'node'));
  for (const tool of tools) {
    const file = findProgram(tool);
    if (file !== undefined) symlinkSync(file, path.join(bin, tool));
  }
  return bin;
}

/**
 * @typedef {object} Installed
 * @property {string} folder the project with the package in its node_modules
 * @property {NodeJS.ProcessEnv} env in which it is to be used
 * @property {number} seconds that the installing took
 */

/**
 * @param {string} folder empty
 * @param {object} options
 * @param {string} options.node path of the binary
 * @param {'npm' | 'pnpm'} options.manager
 * @param {string} options.managerFile what Node is to run
 * @param {string} options.tarball
 * @throws {Error} with the manager's output
 * @returns {Promise<Installed>}
 */
export async function install(folder, { node, manager, managerFile, tarball }) {
  const project = path.join(folder, 'project');
  mkdirSync(project, { recursive: true });
  writeFileSync(path.join(project, 'package.json'), '{ "private": true }\n');
  // No setting of the npm that runs this script, whose children inherit them, but where packages are.
  const env = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => /^npm_/i.test(name) && !/registry|cafile|proxy/i.test(name))
      .map((name) => [name, undefined]),
  );
  const path_ = { ...env, PATH: barePath(folder, node) };
  const start = performance.now();
  const args = manager === 'npm' ? ['install', '--ignore-scripts', '--no-audit'] : ['add'];
  await succeed(node, [managerFile, ...args, tarball], project, path_);
  const seconds = (performance.now() - start) / 1000;
  const { typescript, '@types/node': types } = devDependencies;
  const forTypes = [`typescript@${typescript}`, `@types/node@${types}`];
  await succeed(node, [managerFile, ...args, ...forTypes], project, path_);
  return { folder: project, env: path_, seconds };
}

/**
 * @param {Installed} installed
 * @returns {Promise<string>} the engine of the command, having relayed
 */
export async function useCommand({ folder, env }) {
  const command = path.join(folder, 'node_modules', '.bin', 'spliceway');
  const doctor = await succeed(command, ['doctor'], folder, env);
  if (!/^addon +\S+\/node_modules\/\S*prebuilds\//m.test(doctor)) throw new Error(doctor);
  const echo = await startEcho();
  const args = readmeArguments(echo.port);
  const proxy = await startProgram(
    command,
    [...args, '--log-format', 'json'],
    (output) => output.match(/^listening on 127\.0\.0\.1:(\d+)$/m)?.[1],
    { env },
  );
  try {
    await roundTrip(Number(proxy.answer));
  } finally {
    await proxy.stop();
    echo.close();
  }
  return engineIn(doctor);
}

/**
 * What the README gives to `npx spliceway`, on a free port, with one server in place of its backends.
 *
 * @param {number} port of the server
 */
function readmeArguments(port) {
  const [, words] = readFileSync(inRoot('README.md'), 'utf8').match(/^npx spliceway (.*)$/m) ?? [];
  if (words === undefined)
    throw new Error('The README has no line that begins with npx spliceway.');
  const [listen, backend, second] = words.split(' --');
  if (!second?.startsWith('backend ')) throw new Error(`The README shows one backend: ${words}`);
  return `${listen} --${backend}`.replace(':5555', ':0').replace(':3306', `:${port}`).split(' ');
}

/** @param {string} doctor what `spliceway doctor` printed */
const engineIn = (doctor) => doctor.match(/^engine +auto chooses (\w+)/m)?.[1] ?? 'none';

/**
 * @param {Installed} installed
 * @param {string} node path of the binary
 * @returns {Promise<{ esm: string, cjs: string }>} the engines that compiled consumers of both kinds had
 */
export async function useLibrary({ folder, env }, node) {
  cpSync(inRoot('scripts', 'package-test', 'consumer'), folder, { recursive: true });
  await succeed(path.join(folder, 'node_modules', '.bin', 'tsc'), ['-p', '.'], folder, env);
  return {
    esm: (await succeed(node, ['esm.mjs'], folder, env)).trim(),
    cjs: (await succeed(node, ['cjs.cjs'], folder, env)).trim(),
  };
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 * @throws {Error} with what it printed, when it fails
 * @returns {Promise<string>} what it printed
 */
export async function succeed(command, args, cwd, env) {
  const { status, output } = await run(command, args, { cwd, env });
  if (status !== 0) throw new Error(`${output}\n${command} ${args.join(' ')}: status ${status}`);
  return output;
}
