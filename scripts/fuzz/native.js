/** The fuzzers in C++, under libFuzzer. */
import { existsSync, mkdirSync } from 'node:fs';
import { build } from '../lib/make.js';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';

/** @import { Finding } from './fuzz.js' */

/** Bytes of an input at most: addresses are short, and schedules have some hundreds of choices. */
const longest = { schedule: 2048, address: 256 };

/**
 * @param {keyof typeof longest} target
 * @param {number} seconds
 * @returns {Promise<Finding>}
 */
export async function fuzzNative(target, seconds) {
  try {
    await build('fuzz/Makefile', ['build']);
  } catch (error) {
    const hint = 'The fuzzers need clang (Debian: apt-get install clang).';
    return { executions: 0, failure: `${/** @type {Error} */ (error).message}${hint}` };
  }
  const corpus = inRoot('out', 'fuzz', 'corpus', target);
  mkdirSync(corpus, { recursive: true });
  const kept = inRoot('test', 'native', 'fuzz', 'corpus', target);
  const { status, output } = await run(
    inRoot('out', 'fuzz', target),
    [
      `-max_total_time=${Math.ceil(seconds)}`,
      `-max_len=${longest[target]}`,
      '-len_control=0',
      '-timeout=20',
      '-print_final_stats=1',
      `-artifact_prefix=${inRoot('out', 'fuzz', 'found-')}`,
      corpus,
      ...(existsSync(kept) ? [kept] : []),
    ],
    // What was freed is remembered for errors: a little of it is enough, and faster.
    { env: { ASAN_OPTIONS: 'quarantine_size_mb=16' } },
  );
  const executions = Number(output.match(/number_of_executed_units: (\d+)/)?.[1] ?? 0);
  // A fuzzer that ran nothing has shown nothing.
  return status === 0 && executions > 0 ? { executions } : { executions, failure: output };
}
