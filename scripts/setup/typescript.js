/** dist/, from src/. */
import { existsSync, rmSync } from 'node:fs';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { readStamp, removeStamp, writeStamp } from '../lib/stamps.js';
import { SetupError } from './setup-error.js';

/** @import { SetupStep } from '../setup.js' */

const product = inRoot('dist', 'cli', 'main.js');

/** Made from more than one source. */
const generated = ['dist/config.schema.json', 'dist/sbom.cdx.json'];

const inputs = () =>
  contentHash(
    listFiles([
      'src',
      'scripts/config-schema.js',
      'tsconfig.json',
      'tsconfig.build.json',
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

  isDone: () => existsSync(product) && readStamp('typescript') === inputs(),

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
