/** One workload over all peers, in turns. */
import { cpuSeconds } from './measure/cpu-time.js';

/** @import { Peer, RunningPeer } from './peers/peer.js' */
/** @import { Delivered, Target, Workload } from './workloads/workload.js' */

/**
 * @typedef {object} SampleExtra
 * @property {string} peer
 * @property {number} repetition from 0
 * @property {number} [cpuSeconds] of the proxy, while this was delivered
 */
/** @typedef {Delivered & SampleExtra} Sample */

/**
 * @typedef {object} RunOptions
 * @property {readonly Peer[]} peers
 * @property {number} repetitions
 * @property {number} seconds
 * @property {(sample: Sample) => void} onSample after each run
 */

/** Not counted: compilers that compile while they run have done so by then, and caches are filled. */
const warmUpSeconds = 1;

/**
 * @param {Workload} workload
 * @param {Target} target
 * @param {number | undefined} pid of the proxy
 * @returns {Promise<Delivered & { cpuSeconds?: number }>}
 */
async function measureOnce(workload, target, pid) {
  const prepared = (await workload.prepare?.(target)) ?? 0;
  const before = pid === undefined ? 0 : cpuSeconds(pid);
  const delivered = await workload.measure(target, prepared);
  return pid === undefined ? delivered : { ...delivered, cpuSeconds: cpuSeconds(pid) - before };
}

/**
 * Starts the server and every proxy once; those that wait for their turn sleep. The order turns by one
 * with each repetition, so that none is always the first.
 *
 * @param {Workload} workload
 * @param {RunOptions} options
 * @returns {Promise<Sample[]>}
 */
export async function runWorkload(workload, { peers, repetitions, seconds, onSample }) {
  /** @type {Sample[]} */
  const samples = [];
  /** @type {{ peer: Peer, running: RunningPeer }[]} */
  const started = [];
  const server = await workload.startServer();
  try {
    for (const peer of peers) {
      const running = await peer.start(server.port);
      started.push({ peer, running });
      await measureOnce(workload, { port: running.port, seconds: warmUpSeconds }, undefined);
    }
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let turn = 0; turn < started.length; turn++) {
        const next = started[(turn + repetition) % started.length];
        if (next === undefined) continue;
        const target = { port: next.running.port, seconds };
        const measured = await measureOnce(workload, target, next.running.pid);
        const sample = { peer: next.peer.name, repetition, ...measured };
        samples.push(sample);
        onSample(sample);
      }
    }
  } finally {
    for (const { running } of started) await running.stop();
    await server.stop();
  }
  return samples;
}
