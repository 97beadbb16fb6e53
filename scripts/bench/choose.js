/** What can be measured here: every peer and workload whose programs are installed. */
import { findProgram } from '../lib/run.js';
import { peers, workloads } from './catalogue.js';

/** @import { BenchOptions } from './options.js' */
/** @import { Peer } from './peers/peer.js' */
/** @import { Workload } from './workloads/workload.js' */

/**
 * @param {{ needs: Readonly<Record<string, string>> }} item
 * @returns {[string, string][]} missing programs, each with its package
 */
const missingFor = ({ needs }) =>
  Object.entries(needs).filter(([program]) => findProgram(program) === undefined);

/**
 * @param {{ title: string, needs: Readonly<Record<string, string>> }} item
 * @returns {string} what to install
 */
function remedy(item) {
  const missing = missingFor(item);
  const programs = missing.map(([program]) => program).join(' and ');
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))].join(' ');
  return `left out: ${item.title}: ${programs} not installed (Debian: apt-get install ${packages})`;
}

/**
 * @param {BenchOptions} options
 * @returns {{ peers: Peer[], workloads: Workload[], notes: string[] }} notes are for the person
 */
export function choose(options) {
  /** @type {string[]} */
  const notes = [];
  const known = [...peers, ...workloads.flat()].map((item) => item.name);
  for (const name of [...(options.peers ?? []), ...(options.workloads ?? [])]) {
    if (!known.includes(name)) notes.push(`there is no ${name}; there are: ${known.join(' ')}`);
  }

  const chosenPeers = peers.filter((peer) => options.peers?.includes(peer.name) ?? true);
  const availablePeers = chosenPeers.filter((peer) => missingFor(peer).length === 0);
  for (const peer of chosenPeers) {
    if (!availablePeers.includes(peer)) notes.push(remedy(peer));
  }

  /** @type {Workload[]} */
  const chosenWorkloads = [];
  for (const alternatives of workloads) {
    // One that is asked for by name is taken as it is; else the first that can run stands for its line.
    const candidates = options.workloads
      ? alternatives.filter((workload) => options.workloads?.includes(workload.name))
      : alternatives;
    const runnable = candidates.filter((workload) => missingFor(workload).length === 0);
    const taken = options.workloads ? runnable : runnable.slice(0, 1);
    chosenWorkloads.push(...taken);
    const [first] = candidates;
    if (taken.length === 0 && first) notes.push(remedy(first));
  }
  return { peers: availablePeers, workloads: chosenWorkloads, notes };
}
