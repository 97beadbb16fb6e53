/** Programs that run until they are stopped, in a network namespace where one is named. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from './run.js';

const readyDeadlineMs = 120_000;
const stopDeadlineMs = 60_000;
const pollMs = 20;

/** In place of the machine's: a balancer that is killed leaves its control socket there. @type {string | undefined} */
let runtimeFolder;

/** @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
  if (runtimeFolder !== undefined) rmSync(runtimeFolder, { recursive: true, force: true });
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
 * @property {(line: string) => void} tell writes a line to its standard input
 * @property {(listener: (line: string) => void) => void} onLine called with each line that it prints on
 *   standard output from now on
 * @property {() => string} output the last that it printed
 * @property {(patienceMs?: number) => Promise<number | null>} stop asks it to end, and kills it when it does
 *   not; gives its exit status, or null where a signal ended it
 */

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string | undefined} namespace
 * @returns {[string, string[]]} what to run instead; it becomes the command, with the same process id
 */
export function placed(command, args, namespace) {
  if (namespace === undefined) return [command, [...args]];
  return [findProgram('ip') ?? 'ip', ['netns', 'exec', namespace, command, ...args]];
}

/**
 * Starts a program and waits until it is ready.
 *
 * @template T
 * @param {string} command
 * @param {readonly string[]} args
 * @param {(output: string, pid: number) => T | undefined | Promise<T | undefined>} ready asked again and
 *   again with what the program has printed so far
 * @param {ProgramOptions} [options]
 * @returns {Promise<RunningProgram & { answer: T }>} with what `ready` gave
 */
export async function startProgram(command, args, ready, { env, namespace } = {}) {
  runtimeFolder ??= mkdtempSync(path.join(tmpdir(), 'spliceway-run-'));
  const child = spawn(...placed(command, args, namespace), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, RUNTIME_DIRECTORY: runtimeFolder, ...env },
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
      return {
        pid,
        answer,
        ask: (line) => ask(child, line),
        tell: (line) => void child.stdin.write(`${line}\n`),
        onLine: (listener) => void createInterface(child.stdout).on('line', listener),
        output: () => output,
        stop: (patienceMs = stopDeadlineMs) => stopChild(child, patienceMs),
      };
    }
    await delay(pollMs);
  }
  child.kill('SIGKILL');
  throw new Error(`${command} did not become ready\n${output}`);
}

const answerDeadlineMs = 240_000;

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

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {number} patienceMs
 */
async function stopChild(child, patienceMs) {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await closed;
  clearTimeout(timer);
  return child.exitCode;
}
