/**
 * Known faults of layer-4 proxies, each written into a copy of the core: the simulator must find every
 * one. A fault is what somebody might really write; where the core changes so that its text is gone, it
 * has to be thought about again, and the test says so.
 */
import { ageFaults } from './faults/ages.js';
import { byteFaults } from './faults/bytes.js';
import { changeFaults } from './faults/changes.js';
import { clientFaults } from './faults/clients.js';
import { endingFaults } from './faults/endings.js';
import { figureFaults } from './faults/figures.js';
import { listingFaults } from './faults/listing.js';
import { policyFaults } from './faults/policies.js';
import { queueFaults } from './faults/queue.js';
import { tableFaults } from './faults/tables.js';
import { timeFaults } from './faults/time.js';

/**
 * @import { Edit } from './faults/edit.js'
 * @import { Kind } from './seeds.js'
 */

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {string} why what it did to whom
 * @property {readonly Edit[]} edits
 * @property {Kind} [among] where it is sought, if what it takes is rare among all schedules
 */

/** @type {readonly Fault[]} */
export const faults = [
  ...byteFaults,
  ...timeFaults,
  ...ageFaults,
  ...clientFaults,
  ...endingFaults,
  ...listingFaults,
  ...figureFaults,
  ...tableFaults,
  ...changeFaults,
  ...policyFaults,
  ...queueFaults,
];
