/**
 * A workload is a server and a load generator for it.
 *
 * @typedef {object} Workload
 * @property {string} name for the command line and the report
 * @property {string} title for the table
 * @property {UnitName} unit what is delivered
 * @property {Readonly<Record<string, string>>} needs programs, each with the Debian package that brings it
 * @property {() => Promise<RunningServer>} startServer
 * @property {(target: Target) => Promise<number>} [prepare] runs before the CPU clock is read; gives how much
 *   to deliver, for load generators that count that and not time
 * @property {(target: Target, prepared: number) => Promise<Delivered>} measure
 */

/** @typedef {{ port: number, stop: () => Promise<void> }} RunningServer */

/**
 * @typedef {object} Target
 * @property {number} port where to connect, on 127.0.0.1
 * @property {number} seconds how long to run, or nearly so
 */

/**
 * @typedef {object} Delivered
 * @property {number} amount bytes or requests, by the workload's unit
 * @property {number} seconds that it took
 * @property {number} [p99Ms] the time that 99 of 100 requests took at most
 */

/** @typedef {'bytes' | 'requests'} UnitName */

/**
 * How a unit is shown.
 *
 * @typedef {object} Unit
 * @property {string} rateTitle
 * @property {(delivered: Delivered) => number} rate
 * @property {string} costTitle
 * @property {(cpuSeconds: number, amount: number) => number} cost
 * @property {number} rateDigits after the point
 * @property {number} costDigits
 */

/** @type {Readonly<Record<UnitName, Unit>>} */
export const units = {
  bytes: {
    rateTitle: 'Gbit/s',
    rate: ({ amount, seconds }) => (amount * 8) / 1e9 / seconds,
    costTitle: 'CPU s/GB',
    cost: (cpuSeconds, amount) => cpuSeconds / (amount / 1e9),
    rateDigits: 2,
    costDigits: 3,
  },
  requests: {
    rateTitle: 'requests/s',
    rate: ({ amount, seconds }) => amount / seconds,
    costTitle: 'CPU us/request',
    cost: (cpuSeconds, amount) => (cpuSeconds * 1e6) / amount,
    rateDigits: 0,
    costDigits: 2,
  },
};
