/** `npm run soak`; `npm run soak -- --help` says more. */
import { setUpOrExit } from '../setup.js';
import { readOptions } from './options.js';

const options = readOptions();
await setUpOrExit();
// Only now: they use packages that the set-up may just have installed.
const { startProgress } = await import('../lib/progress.js');
const { missing } = await import('./services.js');
const { runSoak } = await import('./soak.js');
const { summaryTable } = await import('./summary.js');
const { writeResult } = await import('./write.js');

const needed = missing();
if (needed.length > 0) {
  process.stderr.write(`A soak needs: apt-get install ${needed.join(' ')}\n`);
  process.exit(1);
}

const seconds = Math.round(options.minutes * 60);
process.stdout.write(`A soak of ${options.minutes} minutes, seed ${options.seed}\n`);
const progress = startProgress(seconds);
const result = await runSoak({ ...options, seconds }, (elapsed, text) =>
  progress.reached(Math.min(seconds, Math.round(elapsed)), text),
).finally(() => progress.stop());

process.stdout.write(`${summaryTable(result)}\n`);
for (const failure of result.failures) process.stdout.write(`FAILED: ${failure}\n`);
process.stdout.write(`Written to ${await writeResult(result, options)}\n`);
process.exitCode = result.failures.length > 0 ? 1 : 0;
