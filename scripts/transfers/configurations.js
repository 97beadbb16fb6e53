/** What the proxy is while transfers go through it, and what it runs on. */

/** @import { Mtu } from '../lib/network.js' */

/**
 * @typedef {'root' | 'few pipes' | 'few files'} Condition
 *   `few pipes`: an unprivileged user, all of whose pipe-user-pages-soft is used up by another process;
 *   `few files`: a limit of open files with room for a dozen sessions
 * @typedef {'default' | 'tiny' | 'huge'} Buffers of the proxy's sockets
 *
 * @typedef {object} Configuration
 * @property {number} index in the catalogue
 * @property {'native' | 'stream'} engine
 * @property {'auto' | 'splice' | 'copy'} transfer of the native engine
 * @property {Condition} condition
 * @property {Mtu} mtu
 * @property {Buffers} buffers
 */

/** The largest is that of a veth. @type {readonly Mtu[]} */
const mtus = [
  { client: 576, server: 576 },
  { client: 1500, server: 1500 },
  { client: 576, server: 65_535 },
  { client: 65_535, server: 1500 },
  { client: 65_535, server: 65_535 },
];

/** @type {readonly Buffers[]} */
const buffers = ['default', 'tiny', 'huge'];

/** @type {readonly Pick<Configuration, 'engine' | 'transfer' | 'condition'>[]} */
const proxies = [
  .../** @type {const} */ (['auto', 'splice', 'copy']).flatMap((transfer) =>
    /** @type {const} */ (['root', 'few pipes', 'few files']).map((condition) => ({
      engine: /** @type {const} */ ('native'),
      ...{ transfer, condition },
    })),
  ),
  // It has no pipes, and without descriptors libuv accepts clients to close them.
  { engine: 'stream', transfer: 'auto', condition: 'root' },
];

/**
 * Every proxy on every network. Buffers take turns, so that each kind meets every MTU and every proxy.
 *
 * @type {readonly Configuration[]}
 */
export const catalogue = proxies.flatMap((proxy, row) =>
  mtus.map((mtu, column) => ({
    index: row * mtus.length + column,
    ...proxy,
    mtu,
    buffers: buffers[(row + column) % buffers.length] ?? 'default',
  })),
);

/** @param {Configuration} configuration @returns {string} the proxy, without its network */
export function proxyTitle({ engine, transfer, condition }) {
  return engine === 'stream' ? 'stream' : `native ${transfer}, ${condition}`;
}

/** @param {Configuration} configuration */
export function configurationTitle(configuration) {
  const { mtu, buffers } = configuration;
  return `${proxyTitle(configuration)}, MTU ${mtu.client} and ${mtu.server}, ${buffers} buffers`;
}
