/**
 * A workload is a server and a load generator for it.
 *
 * @typedef {object} Workload
 * @property {string} name for the command line and the report
 * @property {string} title for tables and plots
 * @property {UnitName} unit what is delivered, and by which figures
 * @property {Readonly<Record<string, string>>} needs programs, each with the Debian package that brings it
 * @property {() => string | undefined} [impossible] why this machine or user cannot run it, if so
 * @property {readonly string[]} peers names of those that take part unless others are asked for
 * @property {boolean} [onlyThesePeers] others cannot take part, even when asked for
 * @property {boolean} [fresh] a peer is started anew for every run: what it grew by last time would count
 * @property {number} [maxRepetitions] where more tell nothing new
 * @property {() => Promise<RunningServer>} startServer
 * @property {(target: Target) => Promise<number | undefined>} [warmUp] in place of a short run; may give
 *   the rate, for load generators that count what they deliver and not the time
 * @property {(target: Target) => Promise<Figures>} measure
 */

/**
 * @typedef {object} RunningServer
 * @property {Address} address where proxies connect to
 * @property {string} listenHost where proxies listen
 * @property {string} [proxyNamespace] the network namespace of proxies
 * @property {string} [clientNamespace] the network namespace of load generators
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} TargetExtra
 * @property {number} seconds how long to run, or nearly so
 * @property {number} [pid] of the proxy
 * @property {number} [rate] what the warm-up gave
 * @property {string} [clientNamespace]
 * @property {() => void} [blockJavaScript] see `RunningPeer`
 */
/** @typedef {Address & TargetExtra} Target where clients connect */

/** @import { Address } from '../peers/peer.js' */
/** @import { Figures, UnitName } from './units.js' */

/** The proxies side by side, and what they are all measured against. */
export const sideBySide = /** @type {const} */ ([
  'none',
  'native',
  'haproxy',
  'haproxy-best',
  'nginx',
  'go',
  'pipe',
]);

/**
 * @param {number} port
 * @param {() => Promise<void>} stop
 * @returns {RunningServer}
 */
export const onLoopback = (port, stop) => ({
  address: { host: '127.0.0.1', port },
  listenHost: '127.0.0.1',
  stop,
});

/** @returns {string | undefined} why this user cannot make network namespaces, if so */
export const withoutNamespaces = () =>
  process.getuid?.() === 0 ? undefined : 'needs root, for network namespaces';
