/** `npm run transfers`; `npm run transfers -- --help` says more. */
import { writeFileSync } from 'node:fs';
import { setUpOrExit } from '../setup.js';
import { readOptions } from './options.js';

/** @import { Configuration } from './configurations.js' */

const options = readOptions();
await setUpOrExit();
// Only now: they use packages that the set-up may just have installed.
const { startProgress } = await import('../lib/progress.js');
const { configurationTitle } = await import('./configurations.js');
const { summaryTable } = await import('./report.js');
const { remedy, runTransfers } = await import('./transfers.js');

const needed = remedy();
if (needed !== undefined) {
  process.stderr.write(`To run transfers: ${needed}\n`);
  process.exit(1);
}

/** @param {Configuration} configuration */
const chosen = ({ engine, transfer }) =>
  (options.engine === 'all' || options.engine === engine) &&
  // Ways to transfer are the native engine's.
  (options.transfer === 'all' || (engine === 'native' && options.transfer === transfer));

const total = options.replay === undefined ? options.count : 1;
process.stdout.write(`${total.toLocaleString('en')} transfers of seed ${options.seed}\n`);
const started = performance.now();
const progress = startProgress(total);
let judged = 0;
const results = await runTransfers(
  {
    seed: options.seed,
    count: options.count,
    chosen,
    ...(options.replay !== undefined && { only: options.replay }),
  },
  (configuration) => {
    judged += 1;
    progress.reached(judged, configurationTitle(configuration));
  },
).finally(() => progress.stop());

const seconds = (performance.now() - started) / 1000;
const failures = results.flatMap(({ outcome }) => outcome.failures);
for (const failure of failures) process.stdout.write(`${failure}\n\n`);
process.stdout.write(`${summaryTable(results)}\n${judged} transfers in ${seconds.toFixed(0)} s\n`);
if (options.json !== undefined) {
  const { seed } = options;
  writeFileSync(options.json, `${JSON.stringify({ seed, seconds, results }, undefined, 2)}\n`);
}
if (failures.length > 0) {
  process.stdout.write(
    `One transfer again: npm run transfers -- --seed ${options.seed} --replay NUMBER\n`,
  );
}
process.exitCode = failures.length > 0 ? 1 : 0;
