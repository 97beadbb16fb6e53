/**
 * A peer is one way to get bytes from the clients to the server: a proxy, or none.
 *
 * @typedef {object} Peer
 * @property {string} name for the command line and the report
 * @property {string} title for tables and plots
 * @property {'none' | 'own' | 'rival'} kind `own` is Spliceway, in one form or another
 * @property {Readonly<Record<string, string>>} needs programs, each with the Debian package that brings it
 * @property {boolean} [hasLuck] one start may be twice as fast as the next: it is started anew for each run, so that the median is
 *   one of several
 * @property {(route: Route) => Promise<RunningPeer>} start
 */

/**
 * Between whom a proxy is put.
 *
 * @typedef {object} Route
 * @property {Address} server where the proxy connects to
 * @property {string} listenHost where it listens; it has the choice of the port
 * @property {string} [namespace] the network namespace that it runs in
 */

/** @typedef {{ host: string, port: number }} Address */

/**
 * @typedef {object} RunningPeerExtra
 * @property {number} [pid] of the process that moves the bytes; without it no CPU time is counted
 * @property {() => void} [blockJavaScript] holds the process's event loop up for `blockedMs` (library.js)
 * @property {() => Promise<void>} stop
 */
/** @typedef {Address & RunningPeerExtra} RunningPeer where clients connect */

/** @param {Address} address @returns {string} */
export const formatAddress = ({ host, port }) => `${host}:${port}`;
