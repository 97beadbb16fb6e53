/** Fuzzers of everything that is parsed, and of the core's schedules. */
import { parseArgs } from 'node:util';
import { fuzzConfig, numbersFrom } from './config.js';
import { fuzzNative } from './native.js';

/**
 * @typedef {object} Finding
 * @property {number} executions
 * @property {string} [failure] what went wrong, with how to have it again
 */

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {(seconds: number) => Promise<Finding>} run
 */

/** @type {readonly Target[]} */
const targets = [
  { name: 'schedule', run: (seconds) => fuzzNative('schedule', seconds) },
  { name: 'address', run: (seconds) => fuzzNative('address', seconds) },
  {
    name: 'config',
    run: (seconds) => {
      const until = performance.now() + seconds * 1000;
      return fuzzConfig(numbersFrom(Date.now()), () => performance.now() < until);
    },
  },
];

const help = `Fuzzes the parsers, and the core on the simulated kernel.

  npm run fuzz -- [options]

  --minutes N     for all targets together (default 1)
  --target NAME   only this one (may be given again): ${targets.map(({ name }) => name).join(', ')}
  --help

schedule and address run under libFuzzer with sanitizers, and need clang. What they find interesting is
kept in out/fuzz/corpus/. Exit status 1 when something was found.
`;

/** @returns {Promise<number>} exit status */
export async function fuzz() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      target: { type: 'string', multiple: true },
      help: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  const unknown = values.target?.find((name) => !targets.some((target) => target.name === name));
  if (values.help || unknown !== undefined || !(minutes > 0)) {
    const out = values.help ? process.stdout : process.stderr;
    if (unknown !== undefined) out.write(`There is no target ${unknown}.\n\n`);
    else if (!values.help)
      out.write(`--minutes takes a number above 0, not ${values.minutes}.\n\n`);
    out.write(help);
    return values.help ? 0 : 2;
  }
  const chosen = targets.filter(({ name }) => values.target?.includes(name) ?? true);
  let failures = 0;
  for (const { name, run } of chosen) {
    process.stderr.write(`fuzzing ${name} ...\n`);
    const { executions, failure } = await run((minutes * 60) / chosen.length);
    process.stdout.write(`${name}: ${executions.toLocaleString('en')} executions, `);
    process.stdout.write(failure === undefined ? 'nothing found\n' : `FOUND:\n${failure}\n`);
    if (failure !== undefined) failures += 1;
  }
  return failures > 0 ? 1 : 0;
}
