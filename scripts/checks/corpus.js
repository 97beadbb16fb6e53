/** The fuzzers, as far as they have one right outcome: what they keep passes, and they build. */
import { fuzzConfig, numbersFrom } from '../fuzz/config.js';
import { build, make } from '../lib/make.js';
import { findProgram } from '../lib/run.js';
import { tally } from '../lib/tally.js';
import { skippedFor } from './step.js';

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

/** They run for a time in `npm run verify` only; a change that breaks their build is to show before. @type {Step} */
export const fuzzers = {
  name: 'fuzzers',
  title: 'The fuzzers in C++ build (clang)',
  lane: 'tools',
  thorough: true,
  affectedBy: /^native\/core\/|^test\/native\/(simulator\/|fuzz\/|core\.mk)/,
  async run() {
    if (findProgram('clang++') === undefined) return skippedFor('clang', 'clang libclang-rt-dev');
    await build('fuzz/Makefile', ['build']);
    return { tally: tally(1) };
  },
};
