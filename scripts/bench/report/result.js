/**
 * What a run gives and bench-results/ keeps: all that a page is made of.
 *
 * @typedef {object} Result
 * @property {boolean} full everything was asked for and nothing was missing
 * @property {Machine} machine
 * @property {number} repetitions
 * @property {number} seconds
 * @property {readonly string[]} notes what was left out, and what failed
 * @property {readonly ResultPeer[]} peers in the order of tables and plots
 * @property {readonly WorkloadResult[]} results
 */

/** @typedef {Pick<Peer, 'name' | 'title' | 'kind'>} ResultPeer */

/**
 * @typedef {object} WorkloadResult
 * @property {string} workload its name
 * @property {string} title
 * @property {UnitName} unit
 * @property {readonly Sample[]} samples
 */

/** @import { Machine } from '../measure/machine.js' */
/** @import { Peer } from '../peers/peer.js' */
/** @import { Sample } from '../run-workload.js' */
/** @import { UnitName } from '../workloads/units.js' */

export {};
