import { inRoot } from '../../lib/root.js';
import { startAnnounced } from './announced.js';

/** @import { Peer } from './peer.js' */

/** What a Node service does without Spliceway. @type {Peer} */
export const pipe = {
  name: 'pipe',
  title: 'Node pipe()',
  kind: 'rival',
  needs: {},
  // Its buffers come from the allocator, which gives pages back to the kernel or does not: that is settled at its start.
  hasLuck: true,
  start: (route) =>
    startAnnounced(route, process.execPath, [
      inRoot('scripts', 'bench', 'peers', 'pipe-proxy', 'main.js'),
      ...[route.listenHost, route.server.host, String(route.server.port)],
    ]),
};
