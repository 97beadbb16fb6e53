/** The whole run: what can be measured, measuring it, and telling. */

import { startProgress } from '../lib/progress.js';
import { peers } from './catalogue.js';
import { choose } from './choose.js';
import { describeMachine } from './measure/machine.js';
import { judge } from './report/criteria.js';
import { formatNumber } from './report/numbers.js';
import { renderTable, renderText } from './report/table.js';
import { readResult, writePage, writeResult } from './report/write.js';
import { runWorkload } from './run-workload.js';
import { units } from './workloads/units.js';

/** @import { PlanItem } from './choose.js' */
/** @import { BenchOptions } from './options.js' */
/** @import { Result, WorkloadResult } from './report/result.js' */
/** @import { Sample } from './run-workload.js' */
/** @import { Workload } from './workloads/workload.js' */

/**
 * @param {Workload} workload
 * @param {Sample} sample
 */
function describeSample(workload, { peer, figures }) {
  const parts = units[workload.unit].flatMap(({ key, title, digits }) => {
    const value = figures[key];
    return value === undefined ? [] : [`${formatNumber(value, digits)} ${title}`];
  });
  return `${workload.name} ${peer}: ${parts.join(', ')}`;
}

/** @param {unknown} error @returns {string} on one line */
const reason = (error) =>
  String(error instanceof Error ? error.message : error)
    .trim()
    .replaceAll(/\s+/g, ' ')
    .slice(0, 400);

/**
 * @param {readonly PlanItem[]} plan
 * @param {number} seconds
 * @returns {Promise<{ results: WorkloadResult[], failures: string[] }>}
 */
async function runPlan(plan, seconds) {
  const runs = plan.map((item) => item.peers.length * item.repetitions);
  const progress = startProgress(runs.reduce((sum, count) => sum + count, 0));
  /** @type {WorkloadResult[]} */
  const results = [];
  /** @type {string[]} */
  const failures = [];
  for (const { workload, peers: chosen, repetitions } of plan) {
    progress.doing(workload.title);
    /** @param {string} who @param {unknown} error */
    const fail = (who, error) => {
      failures.push(`failed: ${who}: ${reason(error)}`);
      progress.failed(failures.at(-1) ?? '');
    };
    try {
      const samples = await runWorkload(workload, {
        peers: chosen,
        repetitions,
        seconds,
        onSample: (sample) => progress.done(describeSample(workload, sample)),
        onFailure: (peer, error) => fail(`${workload.name}, ${peer.name}`, error),
      });
      const { name, title, unit } = workload;
      if (samples.length > 0) results.push({ workload: name, title, unit, samples });
    } catch (error) {
      fail(workload.name, error);
    }
  }
  progress.stop();
  return { results, failures };
}

/** @param {Result} result */
function print(result) {
  const { machine, repetitions, seconds } = result;
  const tables = result.results.map((of) => renderTable(result, of));
  const verdicts = judge(result).filter(({ holds }) => holds !== 'not measured');
  if (verdicts.length > 0) {
    const rows = verdicts.map(({ claim, measured, holds }) => [claim, measured, holds]);
    const table = renderText({ head: ['claim', 'measured', 'holds?'], rows });
    tables.push(`What the project asks of itself\n${table}`);
  }
  process.stdout.write(`\n${tables.join('\n\n')}\n
${machine.processor}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}; pinning: ${machine.pinning}.
Medians of ${repetitions} runs of ${seconds} s, (lowest to highest); GB is 10^9 bytes, Gbit 10^9 bits, of payload.
CPU is the proxy's user and system time.
`);
}

/**
 * @param {string} file
 * @returns {Promise<number>} exit status
 */
async function reportAgain(file) {
  const result = readResult(file);
  print(result);
  process.stdout.write(`Page: ${await writePage(result)}\n`);
  return 0;
}

/**
 * @param {BenchOptions} options
 * @returns {Promise<number>} exit status: 1 when nothing could be measured, or something failed
 */
export async function bench(options) {
  if (options.report !== undefined) return reportAgain(options.report);
  const { plan, notes } = choose(options);
  for (const note of notes) process.stderr.write(`${note}\n`);
  if (plan.length === 0) {
    process.stderr.write('Nothing can be measured here.\n');
    return 1;
  }

  const machine = await describeMachine();
  const { repetitions, seconds } = options;
  const { results, failures } = await runPlan(plan, seconds);
  if (results.length === 0) {
    process.stderr.write(`Nothing could be measured.\n${failures.join('\n')}\n`);
    return 1;
  }
  const present = new Set(results.flatMap(({ samples }) => samples.map(({ peer }) => peer)));
  /** @type {Result} */
  const result = {
    // Without all that belongs to it, it is no page to publish.
    full: options.full && notes.length === 0,
    machine,
    repetitions,
    seconds,
    notes: [...notes, ...failures],
    peers: peers
      .filter(({ name }) => present.has(name))
      .map(({ name, title, kind }) => ({ name, title, kind })),
    results,
  };
  const file = writeResult(result);
  const page = await writePage(result);
  print(result);
  process.stdout.write(`Every sample: ${file}. With plots: ${page}\n`);
  for (const failure of failures) process.stdout.write(`${failure}\n`);
  return failures.length === 0 ? 0 : 1;
}
