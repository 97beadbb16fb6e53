/**
 * A peer is one way to get bytes from the clients to the server: a proxy, or none.
 *
 * @typedef {object} Peer
 * @property {string} name for the command line and the report
 * @property {string} title for the table
 * @property {Readonly<Record<string, string>>} needs programs, each with the Debian package that brings it
 * @property {(serverPort: number) => Promise<RunningPeer>} start
 */

/**
 * @typedef {object} RunningPeer
 * @property {number} port where clients connect, on 127.0.0.1
 * @property {number} [pid] of the proxy; without it no CPU time is counted
 * @property {() => Promise<void>} stop
 */

export {};
