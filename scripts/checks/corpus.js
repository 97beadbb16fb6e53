/** What the fuzzers keep: inputs that were worth it once, and a fixed number of those that come of them. */
import { fuzzConfig, numbersFrom } from '../fuzz/config.js';
import { build, make } from '../lib/make.js';
import { tally } from '../lib/tally.js';

/** @import { Step } from './step.js' */

const configurations = 5000;

/** @type {Step} */
export const corpus = {
  name: 'corpus',
  title: 'The kept inputs of the fuzzers',
  lane: 'tools',
  thorough: true,
  affectedBy:
    /^native\/core\/sys\/|^src\/(config|errors)|^test\/(native\/)?fuzz\/|^scripts\/fuzz\//,
  async run() {
    await build('fuzz/Makefile', ['replay-program']);
    const { status, output } = await make('fuzz/Makefile', ['replay']);
    process.stdout.write(output);
    const { executions, failure } = await fuzzConfig(
      numbersFrom(1),
      (count) => count < configurations,
    );
    if (failure !== undefined) process.stdout.write(`${failure}\n`);
    const passed = (status === 0 ? 1 : 0) + (failure === undefined ? 1 : 0);
    return { tally: tally(passed, 2 - passed), note: `${executions} configurations` };
  },
};
