/** A soak: load and disturbances, with a rest now and then in which everything must come back to nothing. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startProgram } from '../lib/program.js';
import { randomFrom } from '../lib/random.js';
import { inRoot } from '../lib/root.js';
import { findProgram } from '../lib/run.js';
import { Deck, disturb } from './chaos.js';
import { judge } from './judge.js';
import { Load } from './loads.js';
import { holdingsOf } from './sample.js';
import { services, startBackends } from './services.js';

/** @import { Holdings } from './sample.js' */
/** @import { RunningProgram } from '../lib/program.js' */

/**
 * @typedef {object} Figures what the program under test says of itself
 * @property {number} open sessions alive
 * @property {number} opened sessions since the start
 * @property {number} failed
 * @property {number} bytes passed on, both ways
 * @property {number} heap bytes of V8's heap in use
 * @property {number} heapReserved bytes of V8's heap
 *
 * @typedef {Figures & Holdings & { at: number, outside: number }} Sample `at` in seconds since the start;
 *   `outside` in bytes: what is resident and not V8's heap
 *
 * @typedef {object} Result
 * @property {{ seed: string, engine: string, seconds: number, date: string }} run
 * @property {readonly Sample[]} samples one a second
 * @property {readonly Sample[]} rests at the end of each rest, garbage collected; the first before any load
 * @property {readonly { at: number, time: number, what: string }[]} events `time` in milliseconds since 1970
 * @property {Readonly<Record<string, number>>} disturbances
 * @property {readonly { name: string, well: number, failed: number, sessions: number, cut: number, bytes: number, ends: readonly number[] }[]} loads
 *   `ends`: when streams ended before their time, in milliseconds since 1970
 * @property {readonly string[]} failures what must not be, in words
 */

/** Low enough that a crowd reaches it. */
const openFiles = 1024;
/** Each ends with a rest; the first of them warms up. */
const rounds = 6;
/** The longest of the proxy's time-outs ends what clients and servers left behind. */
const restDeadlineMs = 30_000;
/** Its JavaScript is blocked for three seconds at most. */
const answerDeadlineMs = 15_000;

/** @param {RunningProgram} proxy @param {number} since @returns {(figures: Figures) => Sample} */
const sampler = (proxy, since) => (figures) => {
  const holdings = holdingsOf(proxy.pid);
  return {
    at: (performance.now() - since) / 1000,
    ...figures,
    ...holdings,
    outside: holdings.resident - figures.heapReserved,
  };
};

/**
 * @param {{ seconds: number, seed: string, engine: 'native' | 'stream' }} options
 * @param {(elapsed: number, text: string) => void} [progress]
 * @returns {Promise<Result>}
 */
export async function runSoak({ seconds, seed, engine }, progress = () => {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-soak-servers-'));
  /** @type {(() => Promise<unknown>)[]} */
  const cleanUps = [async () => rmSync(folder, { recursive: true, force: true })];
  try {
    const backends = await startBackends(folder);
    cleanUps.push(() => Promise.all(backends.map((backend) => backend.kill())));
    const addresses = Object.fromEntries(
      services.map((service) => [
        service.name,
        backends.filter((each) => each.service === service).map(({ port }) => `127.0.0.1:${port}`),
      ]),
    );
    const proxy = await startProgram(
      findProgram('prlimit') ?? 'prlimit',
      [
        ...[`--nofile=${openFiles}`, process.execPath, '--expose-gc'],
        ...[inRoot('scripts', 'soak', 'proxy.js'), JSON.stringify({ engine, backends: addresses })],
      ],
      (output) => output.match(/^\{"ports".*$/m)?.[0],
    );
    cleanUps.push(() => proxy.stop());
    const { ports } = JSON.parse(proxy.answer);
    const loads = services.map((service) => new Load(service, ports[service.name]));
    cleanUps.push(() => Promise.all(loads.map((load) => load.stop())));
    return await soak(
      { backends, loads, proxy, random: randomFrom(seed) },
      { seconds, seed, engine },
      progress,
    );
  } finally {
    for (const cleanUp of cleanUps.reverse()) await cleanUp().catch(() => {});
  }
}

/**
 * @param {Omit<import('./chaos.js').Scene, 'told' | 'isOver'>} scene
 * @param {{ seconds: number, seed: string, engine: string }} run
 * @param {(elapsed: number, text: string) => void} progress
 * @returns {Promise<Result>}
 */
async function soak(scene, run, progress) {
  const { backends, loads, proxy } = scene;
  const start = performance.now();
  const date = new Date().toISOString();
  const elapsed = () => (performance.now() - start) / 1000;
  const sample = sampler(proxy, start);
  /** @type {Sample[]} */
  const samples = [];
  /** @type {Sample[]} */
  const rests = [];
  /** @type {Result['events'][number][]} */
  const events = [];
  /** @type {Record<string, number>} */
  const disturbances = {};
  /** @type {string[]} */
  const failures = [];

  const isAlive = () => existsSync(`/proc/${proxy.pid}/exe`);
  /** @type {((sample: Sample) => void) | undefined} */
  let collected;
  proxy.onLine((line) => {
    // Its last words may be read when it has ended.
    if (!isAlive()) return;
    const { collected: isCollected, ...figures } = JSON.parse(line);
    const now = sample(figures);
    if (isCollected) return collected?.(now);
    samples.push(now);
    progress(
      now.at,
      `${now.open} sessions open, ${now.opened.toLocaleString('en')} so far; ${events.at(-1)?.what ?? 'warming up'}`,
    );
  });

  const proxyEnded = new Promise((_, reject) => {
    const timer = setInterval(() => {
      if (isAlive()) return;
      clearInterval(timer);
      reject(new Error('the proxy is gone'));
    }, 500);
    timer.unref();
  });
  let isOver = false;
  proxyEnded.catch(() => {
    isOver = true;
  });

  /** @returns {Promise<Sample>} garbage collected */
  const look = () => {
    /** @type {Promise<Sample>} */
    const answer = new Promise((resolve) => {
      collected = resolve;
    });
    proxy.tell('collect');
    const late = delay(answerDeadlineMs, undefined, { ref: false }).then(() => {
      throw new Error('the proxy does not answer');
    });
    return /** @type {Promise<Sample>} */ (Promise.race([answer, proxyEnded, late]));
  };

  /** @param {string} what */
  const told = (what) => void events.push({ at: elapsed(), time: Date.now(), what });

  const rest = async () => {
    told('rest');
    await Promise.all(loads.map((load) => load.stop()));
    await Promise.all(backends.map((backend) => backend.heal()));
    const deadline = performance.now() + restDeadlineMs;
    const [base] = rests;
    let now = await look();
    // Pipes are kept for a second or two after the last session that needed one.
    const isBusy = () => now.open > 0 || now.pipes > (base?.pipes ?? now.pipes);
    while (isBusy() && performance.now() < deadline) {
      await delay(500);
      now = await look();
    }
    if (now.open > 0) failures.push(`${now.open} sessions are stuck at ${Math.round(now.at)} s`);
    rests.push(now);
  };

  const disturbed = { ...scene, told, isOver: () => isOver };
  const deck = new Deck();
  try {
    await rest();
    for (let round = 1; round <= rounds; round++) {
      for (const load of loads) load.start();
      await disturb(disturbed, deck, (run.seconds / rounds) * 1000, disturbances);
      await rest();
    }
    if ((await proxy.stop(15_000)) !== 0)
      failures.push('the proxy did not end when it was asked to');
  } catch (error) {
    failures.push(
      `${/** @type {Error} */ (error).message}; the last that it said: ${proxy.output()}`,
    );
  }
  return {
    run: { ...run, date },
    ...{ samples, rests, events, disturbances },
    loads: loads.map(({ service, counts, ends }) => ({ name: service.name, ...counts, ends })),
    failures: [...failures, ...judge({ rests, loads, events, disturbances })],
  };
}
