import { inRoot } from '../../lib/root.js';
import { startAnnounced } from './announced.js';
import { formatAddress } from './peer.js';

/** @import { Peer } from './peer.js' */

/**
 * @param {string} name
 * @param {string} title
 * @param {readonly string[]} flags
 * @returns {Peer}
 */
const spliceway = (name, title, flags) => ({
  name,
  title,
  kind: 'own',
  needs: {},
  start: (route) =>
    startAnnounced(route, process.execPath, [
      inRoot('dist', 'cli', 'main.js'),
      ...['--threads', '1', ...flags],
      ...['--listen', `${route.listenHost}:0`, '--backend', formatAddress(route.server)],
    ]),
});

/** As it comes. */
export const native = spliceway('native', 'Spliceway', []);
export const nativeSpin = spliceway('native-spin', 'Spliceway --busy-poll 50us', [
  ...['--busy-poll', '50us'],
]);
export const stream = spliceway('stream', 'Spliceway --engine stream', ['--engine', 'stream']);
