/** What can be measured here: every peer and workload whose programs are installed. */
import { findProgram } from '../lib/run.js';
import { peers, quick, workloads } from './catalogue.js';

/** @import { BenchOptions } from './options.js' */
/** @import { Peer } from './peers/peer.js' */
/** @import { Workload } from './workloads/workload.js' */

/** @typedef {{ workload: Workload, peers: Peer[], repetitions: number }} PlanItem */

/**
 * @param {{ needs: Readonly<Record<string, string>> }} item
 * @returns {[string, string][]} missing programs, each with its package
 */
const missingFor = ({ needs }) =>
  Object.entries(needs).filter(([program]) => findProgram(program) === undefined);

/** @param {Workload} workload */
const canRun = (workload) => missingFor(workload).length === 0 && !workload.impossible?.();

/**
 * @param {Workload | Peer} item
 * @returns {string} what to install
 */
function remedy(item) {
  const missing = missingFor(item);
  const reason = 'impossible' in item ? item.impossible?.() : undefined;
  if (missing.length === 0) return `left out: ${item.title}: ${reason}`;
  const programs = missing.map(([program]) => program).join(' and ');
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))].join(' ');
  return `left out: ${item.title}: ${programs} not installed (Debian: apt-get install ${packages})`;
}

/**
 * Workloads that can run. One that is asked for by name is taken as it is; else the first of a line that
 * can run stands for the line.
 *
 * @param {BenchOptions} options
 * @param {string[]} notes
 * @returns {Workload[]}
 */
function chooseWorkloads(options, notes) {
  /** @type {Workload[]} */
  const chosen = [];
  for (const alternatives of workloads) {
    const candidates = alternatives.filter((workload) =>
      options.workloads
        ? options.workloads.includes(workload.name)
        : !options.quick || quick.workloads.includes(workload),
    );
    const runnable = candidates.filter(canRun);
    const taken = options.workloads ? runnable : runnable.slice(0, 1);
    chosen.push(...taken);
    const [first] = candidates;
    if (taken.length === 0 && first) notes.push(remedy(first));
  }
  return chosen;
}

/**
 * @param {Workload} workload
 * @param {BenchOptions} options
 * @returns {Peer[]}
 */
function peersFor(workload, options) {
  return peers.filter(({ name }) => {
    const belongs = workload.peers.includes(name);
    if (workload.onlyThesePeers && !belongs) return false;
    if (options.peers) return options.peers.includes(name);
    return belongs && !(options.quick && quick.withoutPeers.some((peer) => peer.name === name));
  });
}

/**
 * @param {BenchOptions} options
 * @returns {{ plan: PlanItem[], notes: string[] }} notes are for the person
 */
export function choose(options) {
  /** @type {string[]} */
  const notes = [];
  const known = [...peers, ...workloads.flat()].map((item) => item.name);
  for (const name of [...(options.peers ?? []), ...(options.workloads ?? [])]) {
    if (!known.includes(name)) notes.push(`there is no ${name}; there are: ${known.join(' ')}`);
  }

  /** @type {Set<Peer>} */
  const missing = new Set();
  const plan = chooseWorkloads(options, notes).map((workload) => {
    const wanted = peersFor(workload, options);
    const available = wanted.filter((peer) => missingFor(peer).length === 0);
    for (const peer of wanted) if (!available.includes(peer)) missing.add(peer);
    const fresh = options.quick && workload.fresh ? quick.freshRepetitions : Infinity;
    const repetitions = Math.min(options.repetitions, workload.maxRepetitions ?? Infinity, fresh);
    return { workload, peers: available, repetitions };
  });
  for (const peer of missing) notes.push(remedy(peer));
  return { plan: plan.filter((item) => item.peers.length > 0), notes };
}
