/** What a release and the end of each larger piece of work need besides `npm test -- --all`; docs/CONTRIBUTING.md. */
import { spawn } from 'node:child_process';
import {
  closeSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
} from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { isAlive } from '../lib/lock.js';
import { inRoot } from '../lib/root.js';
import { logFile, readState, writeState } from './state.js';
import { steps } from './steps.js';

/** @import { Outcome, State } from './state.js' */
/** @import { VerifyStep } from './steps.js' */

const help = `Verifies what has no one right outcome, or takes too long for each change.

  npm run verify -- [options]

  --only NAME    one of ${steps.map(({ name }) => name).join(', ')}; may be given again
  --again        also what has passed on these sources
  --background   goes on when this shell is closed; --status tells how far it is
  --status       what has passed on these sources
  --help

A run that was stopped is gone on with by the next. What the steps print is in build/verify/NAME.log. Exit status 1 when one
fails; with --status, when not all have passed.
`;

/** @param {string} text */
const print = (text) => process.stdout.write(`${text}\n`);

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\n\n${help}`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: steps.map(({ name }) => name) },
        again: { type: 'boolean', default: false },
        background: { type: 'boolean', default: false },
        status: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message);
  }
}

/** @param {string} name @returns {string} the last that a step has printed */
function lastLine(name) {
  if (!existsSync(logFile(name))) return '';
  const lines = readFileSync(logFile(name), 'utf8').split('\n');
  return lines.findLast((line) => /\w/.test(line))?.slice(0, 70) ?? '';
}

/** @param {Outcome} outcome @returns {boolean} whether it was cut short */
const isStopped = ({ status, process }) => status === 'running' && !isAlive(process);

/** @param {State} state @param {readonly VerifyStep[]} wanted */
function printTable({ outcomes }, wanted) {
  const table = new Table({
    head: ['step', 'status', 'took', 'its last line'],
    style: { head: [], border: [] },
  });
  for (const { name } of wanted) {
    const outcome = outcomes[name];
    const seconds = outcome?.seconds ?? 0;
    const status =
      outcome === undefined ? 'to do' : isStopped(outcome) ? 'stopped' : outcome.status;
    const took = seconds > 0 ? `${seconds.toFixed(0)} s` : '';
    table.push([name, status, took, status === 'to do' ? '' : lastLine(name)]);
  }
  print(table.toString());
}

/** @param {State} state @param {readonly VerifyStep[]} wanted */
const allPassed = ({ outcomes }, wanted) =>
  wanted.every(({ name }) => outcomes[name]?.status === 'passed');

/** The same without `--background`, in a session of its own. */
function startInBackground() {
  mkdirSync(path.dirname(logFile('verify')), { recursive: true });
  const log = openSync(logFile('verify'), 'w');
  const args = process.argv.slice(2).filter((word) => word !== '--background');
  const child = spawn(process.execPath, [inRoot('scripts', 'verify', 'main.js'), ...args], {
    cwd: inRoot(),
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref();
  closeSync(log);
  print(`Process ${child.pid}; npm run verify -- --status tells how far it is.`);
}

/**
 * Shows what it prints as it comes, and keeps it.
 *
 * @param {VerifyStep} step
 * @param {readonly string[]} command
 * @returns {Promise<boolean>} whether it passed
 */
function runStep({ name }, command) {
  const log = createWriteStream(logFile(name));
  const child = spawn('npm', command, { cwd: inRoot(), stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      log.write(chunk);
      process.stdout.write(chunk);
    });
  }
  return new Promise((resolve) => {
    child.on('close', (status) => log.end(() => resolve(status === 0)));
  });
}

/** @param {State} state @param {readonly VerifyStep[]} wanted */
async function runSteps(state, wanted) {
  for (const step of wanted) {
    const command = step.command();
    const start = performance.now();
    const at = new Date().toISOString();
    const seconds = () => (performance.now() - start) / 1000;
    const shown = ['npm', ...command].join(' ');
    /** @param {'running' | 'passed' | 'failed'} status */
    const note = (status) => {
      state.outcomes[step.name] = {
        ...{ status, command: shown, seconds: seconds(), at },
        process: process.pid,
      };
      writeState(state);
    };
    note('running');
    print(`\n== ${step.title}\n   ${shown}\n`);
    note((await runStep(step, command)) ? 'passed' : 'failed');
  }
}

/** @returns {Promise<number>} exit status */
export async function verify() {
  const options = readArguments();
  if (options.help) {
    print(help);
    return 0;
  }
  const unknown = options.only.find((name) => steps.every((step) => step.name !== name));
  if (unknown !== undefined) usageError(`There is no step ${unknown}.`);
  const wanted = steps.filter(({ name }) => options.only.includes(name));
  const state = readState();
  if (options.status) {
    printTable(state, wanted);
    return allPassed(state, wanted) ? 0 : 1;
  }
  if (options.background) {
    startInBackground();
    return 0;
  }
  const todo = wanted.filter(
    ({ name }) => options.again || state.outcomes[name]?.status !== 'passed',
  );
  await runSteps(state, todo);
  print('');
  printTable(state, wanted);
  return allPassed(state, wanted) ? 0 : 1;
}
