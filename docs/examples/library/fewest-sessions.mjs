/**
 * A policy of one's own: each client goes to the backend with the fewest open sessions.
 *
 *   node fewest-sessions.mjs 127.0.0.1:5555 127.0.0.1:3306 127.0.0.1:3307
 */
import { createProxy } from 'spliceway';

const [listen, ...backends] = process.argv.slice(2);
const proxy = await createProxy({
  listen,
  backends,
  policy({ backends, tried }) {
    /** @type {number | undefined} */
    let best;
    for (const [index, { open }] of backends.entries()) {
      // Those that were tried for this client did not answer.
      if (tried.has(index)) continue;
      if (best === undefined || open < (backends[best]?.open ?? 0)) best = index;
    }
    return best;
  },
});
for (const { address, port } of proxy.addresses()) console.log(`listening on ${address}:${port}`);
