/** dist/, from src/. */
import { existsSync, rmSync } from 'node:fs';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { readStamp, removeStamp, writeStamp } from '../lib/stamps.js';
import { SetupError } from './setup-error.js';

/** @import { SetupStep } from '../setup.js' */

const schema = 'dist/config.schema.json';
const commonJs = ['dist/index.cjs', 'dist/index.d.cts'];
const products = ['dist/cli/main.js', schema, ...commonJs];

/** Made from more than one source; the last by scripts/pack. */
const generated = [schema, ...commonJs, 'dist/sbom.cdx.json'];

const inputs = () =>
  contentHash(
    listFiles([
      'src',
      'scripts/config-schema.js',
      'scripts/finish-dist.js',
      'tsconfig.json',
      'tsconfig.build.json',
      // The version is in both.
      'package.json',
      'package-lock.json',
    ]),
  );

/**
 * The compiler leaves the output of deleted sources behind, and the package ships all of dist.
 *
 * @returns {string[]} these files, relative to the checkout
 */
export function orphans() {
  return listFiles(['dist'], (file) => !generated.includes(file)).filter((file) => {
    const source = file.replace(/^dist/, 'src').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
    return !existsSync(inRoot(source));
  });
}

/** Only these, and not the whole folder: a program started from it may still be running. */
function removeOrphans() {
  for (const file of orphans()) rmSync(inRoot(file), { force: true });
}

/** @type {SetupStep} */
export const typescript = {
  title: 'compiling TypeScript',

  isDone: () =>
    products.every((file) => existsSync(inRoot(file))) && readStamp('typescript') === inputs(),

  async make() {
    removeStamp('typescript');
    const before = inputs();
    const result = await run('npm', ['run', '--silent', 'build:ts']);
    if (result.status !== 0) {
      throw new SetupError(`${result.output}\nTypeScript did not compile (above).`);
    }
    removeOrphans();
    writeStamp('typescript', before);
  },
};
