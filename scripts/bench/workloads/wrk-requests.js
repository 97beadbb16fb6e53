import { runLoad } from '../measure/process.js';
import { startNginx } from './nginx-server.js';
import { parseWrk } from './output.js';
import { measureFlow } from './units.js';
import { sideBySide } from './workload.js';

/** @import { Target, Workload } from './workload.js' */

/**
 * @param {number} connections
 * @param {readonly string[]} flags
 * @param {Target} target
 */
async function wrk(connections, flags, { host, port, seconds }) {
  const output = await runLoad('wrk', [
    ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
    ...['--latency', ...flags, `http://${host}:${port}/`],
  ]);
  return parseWrk(output);
}

/**
 * The same kind of load as with Redis, for machines without it: small requests over open connections.
 *
 * @param {number} connections
 * @returns {Workload}
 */
const requests = (connections) => ({
  name: `http-requests-${connections}`,
  title: `small HTTP answers, ${connections === 1 ? '1 client' : `${connections} clients`} (wrk)`,
  unit: 'requests',
  needs: { nginx: 'nginx', wrk: 'wrk' },
  peers: connections === 1 ? [...sideBySide, 'native-spin'] : sideBySide,
  startServer: startNginx,
  measure: (target) => measureFlow('requests', target.pid, () => wrk(connections, [], target)),
});

export const wrk1 = requests(1);
export const wrk50 = requests(50);

const churnClients = 50;

/** Connections that carry one request each. @type {Workload} */
export const churn = {
  name: 'churn',
  title: `a connection for each request, ${churnClients} at a time (wrk)`,
  unit: 'connections',
  needs: { nginx: 'nginx', wrk: 'wrk' },
  peers: [...sideBySide, 'stream'],
  startServer: startNginx,
  measure: (target) =>
    measureFlow('connections', target.pid, () =>
      wrk(churnClients, ['--header', 'Connection: close'], target),
    ),
};
