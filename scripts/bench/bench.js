/** The whole run: what can be measured, measuring it, and telling. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { choose } from './choose.js';
import { describeMachine } from './measure/machine.js';
import { startProgress } from './report/progress.js';
import { compare, summarise } from './report/summary.js';
import { renderTable } from './report/table.js';
import { runWorkload } from './run-workload.js';
import { units } from './workloads/workload.js';

/** @import { BenchOptions } from './options.js' */
/** @import { Sample } from './run-workload.js' */
/** @import { Workload } from './workloads/workload.js' */

/**
 * @param {Workload} workload
 * @param {Sample} sample
 */
function describeSample(workload, sample) {
  const unit = units[workload.unit];
  const rate = `${unit.rate(sample).toFixed(unit.rateDigits)} ${unit.rateTitle}`;
  if (sample.cpuSeconds === undefined) return `${workload.name} ${sample.peer}: ${rate}`;
  const cost = unit.cost(sample.cpuSeconds, sample.amount).toFixed(unit.costDigits);
  return `${workload.name} ${sample.peer}: ${rate}, ${cost} ${unit.costTitle}`;
}

/** @param {Record<string, unknown>} report @returns {string} the file, relative to the checkout */
function writeReport(report) {
  const name = `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`;
  const file = path.join('bench-results', name);
  mkdirSync(inRoot('bench-results'), { recursive: true });
  writeFileSync(inRoot(file), `${JSON.stringify(report, undefined, 2)}\n`);
  return file;
}

/**
 * @param {BenchOptions} options
 * @returns {Promise<number>} exit status: 1 when nothing could be measured, or a run failed
 */
export async function bench(options) {
  const { peers, workloads, notes } = choose(options);
  for (const note of notes) process.stderr.write(`${note}\n`);
  if (peers.length === 0 || workloads.length === 0) {
    process.stderr.write('Nothing can be measured here.\n');
    return 1;
  }

  const machine = await describeMachine();
  const progress = startProgress(workloads.length * peers.length * options.repetitions);
  const results = [];
  const tables = [];
  try {
    for (const workload of workloads) {
      progress.doing(workload.title);
      const samples = await runWorkload(workload, {
        peers,
        repetitions: options.repetitions,
        seconds: options.seconds,
        onSample: (sample) => progress.done(describeSample(workload, sample)),
      });
      const summary = summarise(samples, workload.unit);
      const ratios = compare(samples, workload.unit);
      const { name, title, unit } = workload;
      results.push({ workload: name, title, unit, summary, ratios, samples });
      tables.push(renderTable(workload, summary, ratios));
    }
  } catch (error) {
    progress.stop();
    process.stderr.write(`A run failed, and the benchmark ends here: ${error}\n`);
    return 1;
  }
  progress.stop();

  const { repetitions, seconds } = options;
  const file = writeReport({ machine, repetitions, seconds, notes, results });
  process.stdout.write(`\n${tables.join('\n\n')}\n
${machine.processor}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}; pinning: ${machine.pinning}.
Medians of ${repetitions} runs of ${seconds} s, (lowest to highest); GB is 10^9 bytes, Gbit 10^9 bits, of payload.
CPU is the proxy's user and system time. Every sample: ${file}
`);
  return 0;
}
