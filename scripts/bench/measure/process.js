/** Programs of a benchmark: servers and proxies that run until stopped, clients that run to their end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../lib/run.js';
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
  process.once(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));
}

/**
 * @typedef {object} RunningProgram
 * @property {number} pid
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a program and waits until it is ready.
 *
 * @template T
 * @param {Role} role
 * @param {string} command
 * @param {readonly string[]} args
 * @param {(output: string) => T | undefined | Promise<T | undefined>} ready asked again and again with
 *   what the program has printed so far
 * @returns {Promise<RunningProgram & { answer: T }>} with what `ready` gave
 */
export async function startProgram(role, command, args, ready) {
  const child = spawn(...pinned(role, command, args), { stdio: ['ignore', 'pipe', 'pipe'] });
  alive.add(child);
  child.once('close', () => alive.delete(child));
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
    const answer = await ready(output);
    if (answer) return { pid: child.pid, answer, stop: () => stopChild(child) };
    await delay(pollMs);
  }
  child.kill('SIGKILL');
  throw new Error(`${command} did not become ready\n${output}`);
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

/**
 * Runs a load generator to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<string>} what it printed
 * @throws when its exit status is not 0
 */
export async function runLoad(command, args) {
  const result = await run(...pinned('load', command, args));
  if (result.status === 0) return result.output;
  throw new Error(`${command} ${args.join(' ')}: exit status ${result.status}\n${result.output}`);
}
