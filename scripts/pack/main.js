/**
 * `npm run pack`: the tarball that is published, out/spliceway-VERSION.tgz, once it is sure to be whole.
 */
import { setUpOrExit } from '../setup.js';
import { pack } from './pack.js';

await setUpOrExit();
try {
  const { file, bytes, files } = await pack();
  process.stdout.write(`${file}: ${files} files, ${(bytes / 1024).toFixed(0)} KiB\n`);
} catch (error) {
  process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
  process.exitCode = 1;
}
