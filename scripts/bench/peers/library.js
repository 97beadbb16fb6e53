/** Spliceway inside a Node program whose JavaScript can be held up: what the program does otherwise. */
import { inRoot } from '../../lib/root.js';
import { startAnnounced } from './announced.js';
import { formatAddress } from './peer.js';

/** @import { Peer } from './peer.js' */

/** How long `blockJavaScript` holds it up. */
export const blockedMs = 5000;

/**
 * @param {string} name
 * @param {string} title
 * @param {string} accept the option of that name
 * @returns {Peer}
 */
const library = (name, title, accept) => ({
  name,
  title,
  kind: 'own',
  needs: {},
  async start(route) {
    const running = await startAnnounced(route, process.execPath, [
      inRoot('scripts', 'bench', 'peers', 'library', 'main.js'),
      ...[`${route.listenHost}:0`, formatAddress(route.server), accept, String(blockedMs)],
    ]);
    return { ...running, blockJavaScript: () => process.kill(running.pid ?? 0, 'SIGUSR2') };
  },
});

export const libraryNative = library('library', 'library, native accept', 'auto');
export const libraryNode = library('library-accept-node', "library, accept: 'node'", 'node');
