/**
 * `npm run bench`: peers side by side under workloads, in one run on one machine.
 *
 *   npm run bench -- --quick
 *   npm run bench -- --help
 */
import { setUpOrExit } from '../setup.js';
import { readOptions } from './options.js';

const options = readOptions(process.argv.slice(2));
await setUpOrExit();
// Only now: it uses packages that the set-up may just have installed.
if (options.only === 'core') {
  const { measureCore } = await import('./core.js');
  process.exitCode = await measureCore();
} else if (options.only === 'changes') {
  const { measureChanges } = await import('./changes.js');
  process.exitCode = await measureChanges();
} else if (options.only === 'policies') {
  const { measurePolicies } = await import('./policies.js');
  process.exitCode = await measurePolicies(options);
} else {
  const { bench } = await import('./bench.js');
  process.exitCode = await bench(options);
}
