/** Programs of a benchmark: servers and proxies that run until stopped, clients that run to their end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram, run } from '../../lib/run.js';
import { pinned } from './pinning.js';

/** @import { Role } from './pinning.js' */

const readyDeadlineMs = 20_000;
const stopDeadlineMs = 5000;
const pollMs = 20;

/** @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  // Not `once`: npm passes a terminal's Ctrl+C on, so it comes twice, and the second would cut the
  // cleaning up short.
  process.on(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));
}

/**
 * @typedef {object} ProgramOptions
 * @property {NodeJS.ProcessEnv} [env] added to this process's environment
 * @property {string | undefined} [namespace] the network namespace to run in
 */

/**
 * @typedef {object} RunningProgram
 * @property {number} pid
 * @property {(line: string) => Promise<string>} ask writes a line to its standard input and gives the
 *   next line that it prints
 * @property {() => Promise<void>} stop
 */

/**
 * @param {Role} role
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string | undefined} namespace
 * @returns {[string, string[]]} each in the chain becomes the next, so the process id is the program's
 */
function placed(role, command, args, namespace) {
  const [first, rest] = pinned(role, command, args);
  if (namespace === undefined) return [first, rest];
  return [findProgram('ip') ?? 'ip', ['netns', 'exec', namespace, first, ...rest]];
}

/**
 * Starts a program and waits until it is ready.
 *
 * @template T
 * @param {Role} role
 * @param {string} command
 * @param {readonly string[]} args
 * @param {(output: string, pid: number) => T | undefined | Promise<T | undefined>} ready asked again and
 *   again with what the program has printed so far
 * @param {ProgramOptions} [options]
 * @returns {Promise<RunningProgram & { answer: T }>} with what `ready` gave
 */
export async function startProgram(role, command, args, ready, { env, namespace } = {}) {
  const child = spawn(...placed(role, command, args, namespace), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  alive.add(child);
  child.once('close', () => alive.delete(child));
  // A program that ended has no use for the line; whoever waits for the answer sees that it ended.
  child.stdin.on('error', () => {});
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-10_000);
    });
  }
  child.once('error', (error) => {
    output += error.message;
  });

  const deadline = performance.now() + readyDeadlineMs;
  while (performance.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    const { pid } = child;
    const answer = await ready(output, pid);
    if (answer) {
      return { pid, answer, ask: (line) => ask(child, line), stop: () => stopChild(child) };
    }
    await delay(pollMs);
  }
  child.kill('SIGKILL');
  throw new Error(`${command} did not become ready\n${output}`);
}

const answerDeadlineMs = 60_000;

/**
 * @param {import('node:child_process').ChildProcessWithoutNullStreams} child
 * @param {string} line
 * @returns {Promise<string>}
 */
function ask(child, line) {
  return new Promise((resolve, reject) => {
    let answer = '';
    /** @param {string} text */
    const collect = (text) => {
      answer += text;
      if (answer.includes('\n')) settle(() => resolve(answer.trim()));
    };
    const fail = () => settle(() => reject(new Error(`${child.spawnfile} gave no answer`)));
    const timer = setTimeout(fail, answerDeadlineMs);
    /** @param {() => void} finish */
    const settle = (finish) => {
      clearTimeout(timer);
      child.stdout.off('data', collect);
      child.off('close', fail);
      finish();
    };
    child.stdout.on('data', collect);
    child.once('close', fail);
    child.stdin.write(`${line}\n`);
  });
}

/** @param {import('node:child_process').ChildProcess} child */
async function stopChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
  await closed;
  clearTimeout(timer);
}

/** Much longer than any run: a load that hangs must not hold up those after it. */
const loadDeadlineSeconds = 120;

/**
 * Runs a load generator to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [namespace] the network namespace to run in
 * @returns {Promise<string>} what it printed
 * @throws when its exit status is not 0; that of timeout(1) is 124
 */
export async function runLoad(command, args, namespace) {
  const limited = ['--kill-after=5', String(loadDeadlineSeconds), command, ...args];
  const result = await run(...placed('load', 'timeout', limited, namespace));
  if (result.status === 0) return result.output;
  throw new Error(`${command} ${args.join(' ')}: exit status ${result.status}\n${result.output}`);
}
