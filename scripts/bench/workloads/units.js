/** What workloads deliver, and the figures that tell how well. */
import { cpuSeconds } from '../measure/cpu-time.js';

/**
 * @typedef {object} Figure
 * @property {string} key in `Figures`
 * @property {string} title
 * @property {number} digits after the point
 * @property {'more' | 'less'} better
 */

/** @typedef {'bytes' | 'requests' | 'connections' | 'memory' | 'sessions' | 'stall'} UnitName */

/**
 * What one run gave, by the keys of its unit's figures. Other keys are for whoever reads the JSON.
 *
 * @typedef {Readonly<Record<string, number>>} Figures
 */

/** @type {Figure} */
const p99 = { key: 'p99', title: 'p99 ms', digits: 2, better: 'less' };

/** @type {Readonly<Record<UnitName, readonly Figure[]>>} */
export const units = {
  bytes: [
    { key: 'rate', title: 'Gbit/s', digits: 2, better: 'more' },
    { key: 'cost', title: 'CPU s/GB', digits: 3, better: 'less' },
  ],
  requests: [
    { key: 'rate', title: 'requests/s', digits: 0, better: 'more' },
    { key: 'cost', title: 'CPU us/request', digits: 2, better: 'less' },
    p99,
  ],
  connections: [
    { key: 'rate', title: 'connections/s', digits: 0, better: 'more' },
    { key: 'cost', title: 'CPU us/connection', digits: 1, better: 'less' },
    p99,
  ],
  memory: [
    { key: 'memory', title: 'bytes/session', digits: 0, better: 'less' },
    { key: 'descriptors', title: 'fds/session', digits: 1, better: 'less' },
  ],
  sessions: [
    { key: 'held', title: 'sessions held', digits: 0, better: 'more' },
    { key: 'answered', title: 'still answer', digits: 0, better: 'more' },
  ],
  stall: [
    { key: 'kept', title: 'throughput kept', digits: 3, better: 'more' },
    { key: 'refused', title: 'sessions refused', digits: 0, better: 'less' },
    { key: 'late', title: 'sessions late', digits: 0, better: 'less' },
    { key: 'slowest', title: 'slowest ms', digits: 1, better: 'less' },
    { key: 'slowestUnblocked', title: 'slowest ms, unblocked', digits: 1, better: 'less' },
  ],
};

/**
 * @typedef {object} Delivered
 * @property {number} amount bytes, requests or connections
 * @property {number} seconds that it took
 * @property {number} [p99Ms] the time that 99 of 100 requests took at most
 */

/** How an amount is shown: as a rate, and the processor time for each. */
const scales = {
  bytes: { rate: 8 / 1e9, cost: 1e9 },
  requests: { rate: 1, cost: 1e6 },
  connections: { rate: 1, cost: 1e6 },
};

/**
 * @param {keyof typeof scales} unit
 * @param {Delivered} delivered
 * @param {number | undefined} cpu seconds of the proxy meanwhile
 * @returns {Figures}
 */
export function flowFigures(unit, { amount, seconds, p99Ms }, cpu) {
  const { rate, cost } = scales[unit];
  return {
    rate: (amount * rate) / seconds,
    ...(cpu === undefined ? {} : { cost: (cpu * cost) / amount, cpuSeconds: cpu }),
    ...(p99Ms === undefined ? {} : { p99: p99Ms }),
    amount,
    seconds,
  };
}

/**
 * Runs a load and counts the processor time of the proxy meanwhile.
 *
 * @param {keyof typeof scales} unit
 * @param {number | undefined} pid of the proxy, if there is one
 * @param {() => Promise<Delivered>} load
 * @returns {Promise<Figures>}
 */
export async function measureFlow(unit, pid, load) {
  const before = pid === undefined ? 0 : cpuSeconds(pid);
  const delivered = await load();
  const cpu = pid === undefined ? undefined : cpuSeconds(pid) - before;
  return flowFigures(unit, delivered, cpu);
}
