/**
 * npm runs this in a clone of the repository, with the development packages in it, when somebody installs the package by the
 * address of that. It makes what the registry's tarball brings: dist/, and an addon, here for this machine alone.
 *
 * npm runs it in a checkout as well, behind `npm ci`, and when it packs. There it makes nothing.
 */
import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { inRoot, root } from './lib/root.js';
import { readElf } from './prebuild/elf.js';
import { addon } from './setup/addon.js';
import { dependencies } from './setup/dependencies.js';
import { checkNodeVersion } from './setup/node-version.js';
import { SetupError } from './setup/setup-error.js';
import { typescript } from './setup/typescript.js';

/** @param {string} message */
const say = (message) => process.stderr.write(`spliceway: ${message}\n`);

/** @param {unknown} error @returns {string} of one that is for people; any other is thrown on */
function told(error) {
  if (error instanceof SetupError) return error.message;
  throw error;
}

/** The folder that npm was started for: in an install by address, a project with this package among its dependencies. */
const { npm_config_local_prefix: project = '' } = process.env;

const isCheckout = () => existsSync(project) && realpathSync(project) === realpathSync(root);

async function makeAddon() {
  // A checkout that is packed from elsewhere has those that were judged; no clone has any.
  if (process.platform !== 'linux' || existsSync(inRoot('prebuilds'))) return;
  if (!addon.isDone()) await addon.make();
  const built = inRoot('build', 'Release', 'spliceway.node');
  const { needed } = await readElf(built);
  // By the names that the package looks for.
  const libc = needed.some((library) => library.startsWith('libc.musl-')) ? '.musl' : '';
  const folder = inRoot('prebuilds', `linux-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(built, path.join(folder, `spliceway${libc}.node`));
}

if (isCheckout()) process.exit();
try {
  checkNodeVersion();
  for (const step of [dependencies, typescript]) if (!step.isDone()) await step.make();
} catch (error) {
  say(`the package cannot be made from its repository: ${told(error)}`);
  say('install it from the npm registry instead, where it is complete: npm install spliceway');
  process.exit(1);
}
try {
  await makeAddon();
} catch (error) {
  // It works without, and warns at its start.
  say(`installed without the native engine: ${told(error)}`);
}
