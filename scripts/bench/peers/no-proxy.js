/** @import { Peer } from './peer.js' */

/** What the machine, the client and the server can do by themselves. @type {Peer} */
export const noProxy = {
  name: 'none',
  title: 'no proxy',
  kind: 'none',
  needs: {},
  start: async ({ server }) => ({ ...server, stop: async () => {} }),
};
