/** Clients that come again as soon as they have ended, however they have ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../lib/run.js';

/** @import { Service } from './services.js' */

/** Between a client that failed at once and the next. */
const pauseMs = 200;
/** Our own clients run for four seconds, and wait for nine at most. */
const stopDeadlineMs = 20_000;

export class Load {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #wanted = false;
  /** @type {Promise<void> | undefined} */
  #running;
  /** Runs that ended well; runs that failed; and of our own clients, what they counted. */
  counts = { well: 0, failed: 0, sessions: 0, cut: 0, bytes: 0 };
  /** @type {string[]} what our own clients found to be wrong */
  wrong = [];
  /** @type {number[]} when our own clients met an end too early, in milliseconds since 1970 */
  ends = [];

  /** @param {Service} service @param {number} port of the proxy */
  constructor(service, port) {
    this.service = service;
    this.port = port;
  }

  start() {
    this.#wanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run() {
    while (this.#wanted) {
      const [command, args] = this.service.load(this.port);
      const child = spawn(findProgram(command) ?? command, args, {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      this.#child = child;
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-10_000);
      });
      await once(child, 'close').catch(() => {});
      if (child.exitCode === 0) this.counts.well += 1;
      else this.counts.failed += 1;
      if (this.service.name === 'checked') this.#read(output);
      await delay(pauseMs);
    }
  }

  /** @param {string} output of check/client.js; nothing where it was killed */
  #read(output) {
    if (!output.endsWith('\n')) return;
    const { whole, cut, bytes, ends, wrong } = JSON.parse(output);
    this.ends.push(...ends);
    this.counts.sessions += whole;
    this.counts.cut += cut;
    this.counts.bytes += bytes;
    if (wrong !== undefined) this.wrong.push(wrong);
  }

  /** The clients vanish in the middle of whatever they do. */
  kill() {
    this.#child?.kill('SIGKILL');
  }

  async stop() {
    this.#wanted = false;
    // Our own end by themselves, with their counts.
    if (this.service.name !== 'checked') this.kill();
    const timer = setTimeout(() => {
      this.wrong.push('the clients did not end');
      this.kill();
    }, stopDeadlineMs);
    await this.#running;
    clearTimeout(timer);
  }
}
