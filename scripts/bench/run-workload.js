/** One workload over all its peers, in turns. */

/** @import { Peer, RunningPeer } from './peers/peer.js' */
/** @import { Figures } from './workloads/units.js' */
/** @import { RunningServer, Workload } from './workloads/workload.js' */

/**
 * @typedef {object} Sample
 * @property {string} peer
 * @property {number} repetition from 0
 * @property {Figures} figures
 */

/**
 * @typedef {object} RunOptions
 * @property {readonly Peer[]} peers
 * @property {number} repetitions
 * @property {number} seconds
 * @property {(sample: Sample) => void} onSample after each run
 * @property {(peer: Peer, error: unknown) => void} onFailure this peer takes no further part
 */

/** @typedef {{ peer: Peer, running: RunningPeer, rate: number | undefined }} Participant */

/** Not counted: compilers that compile while they run have done so by then, and caches are filled. */
const warmUpSeconds = 1;

/**
 * @param {RunningServer} server
 * @param {Peer} peer
 */
const startPeer = ({ address, listenHost, proxyNamespace }, peer) =>
  peer.start({
    server: address,
    listenHost,
    ...(proxyNamespace === undefined ? {} : { namespace: proxyNamespace }),
  });

/**
 * @param {RunningServer} server
 * @param {RunningPeer} running
 * @param {number} seconds
 * @param {number | undefined} rate
 * @returns {import('./workloads/workload.js').Target}
 */
const targetOf = ({ clientNamespace }, running, seconds, rate) => ({
  ...running,
  seconds,
  ...(rate === undefined ? {} : { rate }),
  ...(clientNamespace === undefined ? {} : { clientNamespace }),
});

/**
 * Starts the server and every proxy once, but for those whose figures depend on how they started; those that wait for their
 * turn sleep. The order turns by one with each repetition, so that none is always the first. A peer that fails is reported and
 * left out of the rest; what it gave before stays.
 *
 * @param {Workload} workload
 * @param {RunOptions} options
 * @returns {Promise<Sample[]>}
 */
export async function runWorkload(workload, options) {
  const { peers, repetitions, seconds, onSample, onFailure } = options;
  /** @type {Sample[]} */
  const samples = [];
  /** @type {Set<Peer>} */
  const failed = new Set();
  /** @type {Map<Peer, Participant>} */
  const started = new Map();
  const server = await workload.startServer();

  /** @param {Peer} peer */
  const startsAnew = (peer) => workload.fresh || peer.hasLuck;
  /** @param {Peer} peer @returns {Promise<Participant>} */
  const begin = async (peer) => {
    const running = await startPeer(server, peer);
    const participant = { peer, running, rate: undefined };
    started.set(peer, participant);
    if (workload.fresh) return participant;
    const target = targetOf(server, running, warmUpSeconds, undefined);
    const rate = await (workload.warmUp ?? workload.measure)(target);
    if (typeof rate === 'number') started.set(peer, { ...participant, rate });
    return participant;
  };
  /** @param {Peer} peer */
  const end = async (peer) => {
    const participant = started.get(peer);
    started.delete(peer);
    await participant?.running.stop();
  };
  /** @param {Peer} peer @param {() => Promise<unknown>} work */
  const attempt = async (peer, work) => {
    if (failed.has(peer)) return;
    try {
      await work();
    } catch (error) {
      failed.add(peer);
      onFailure(peer, error);
      await end(peer);
    }
  };

  try {
    for (const peer of peers) if (!startsAnew(peer)) await attempt(peer, () => begin(peer));
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let turn = 0; turn < peers.length; turn++) {
        const peer = peers[(turn + repetition) % peers.length];
        if (peer === undefined) continue;
        await attempt(peer, async () => {
          const { running, rate } = started.get(peer) ?? (await begin(peer));
          const figures = await workload.measure(targetOf(server, running, seconds, rate));
          if (startsAnew(peer)) await end(peer);
          const sample = { peer: peer.name, repetition, figures };
          samples.push(sample);
          onSample(sample);
        });
      }
    }
  } finally {
    for (const peer of [...started.keys()]) await end(peer);
    await server.stop();
  }
  return samples;
}
