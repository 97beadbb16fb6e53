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
import { asGroup } from '../lib/process-groups.js';
import { inRoot } from '../lib/root.js';
import { logFile, readState, record } from './state.js';
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

A run that was stopped is gone on with by the next. What the steps print is in out/verify/NAME.log. Exit status 1 when one
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
 * @param {VerifyStep} step
 * @param {readonly string[]} command
 * @param {boolean} show what it prints, as it comes; it is kept in any case
 * @returns {Promise<boolean>} whether it passed
 */
function runStep({ name }, command, show) {
  const log = createWriteStream(logFile(name));
  const child = spawn('npm', command, {
    cwd: inRoot(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  asGroup(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      log.write(chunk);
      if (show) process.stdout.write(chunk);
    });
  }
  return new Promise((resolve) => {
    child.on('close', (status) => log.end(() => resolve(status === 0)));
  });
}

/** Seconds between two lines that say what still runs. */
const stillRunningEvery = 60;

/** @param {State} state @param {readonly VerifyStep[]} wanted */
async function runSteps(state, wanted) {
  const show = wanted.length === 1;
  /** @param {VerifyStep['lane']} lane */
  const runLane = async (lane) => {
    for (const step of wanted.filter((candidate) => candidate.lane === lane)) {
      const command = step.command();
      const start = performance.now();
      const at = new Date().toISOString();
      const seconds = () => (performance.now() - start) / 1000;
      const shown = ['npm', ...command].join(' ');
      /** @param {'running' | 'passed' | 'failed'} status */
      const note = (status) => {
        const outcome = {
          ...{ status, command: shown, seconds: seconds(), at },
          process: process.pid,
        };
        state.outcomes[step.name] = outcome;
        record(state.tree, step.name, outcome);
      };
      note('running');
      print(`${step.name}: ${step.title}: ${shown}`);
      const status = (await runStep(step, command, show)) ? 'passed' : 'failed';
      note(status);
      print(`${step.name}: ${status} in ${seconds().toFixed(0)} s: ${lastLine(step.name)}`);
    }
  };
  const timer = setInterval(() => {
    const running = wanted.filter(({ name }) => state.outcomes[name]?.status === 'running');
    for (const { name } of running) print(`   ${name}: ${lastLine(name)}`);
  }, stillRunningEvery * 1000);
  await Promise.all([runLane('machines'), runLane('seeds')]);
  await runLane('alone');
  clearInterval(timer);
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
  const other = Object.values(state.outcomes).find(
    (outcome) => outcome.status === 'running' && !isStopped(outcome),
  );
  if (other !== undefined) {
    print(`Process ${other.process} is at it; --status tells how far it is.`);
    return 1;
  }
  const todo = wanted.filter(
    ({ name }) => options.again || state.outcomes[name]?.status !== 'passed',
  );
  await runSteps(state, todo);
  print('');
  printTable(state, wanted);
  return allPassed(state, wanted) ? 0 : 1;
}
