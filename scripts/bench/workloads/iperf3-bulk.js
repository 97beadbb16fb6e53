import { setTimeout as delay } from 'node:timers/promises';
import { startUnpacedHost } from '../../lib/network.js';
import { freePort } from '../../lib/port.js';
import { runLoad, startProgram } from '../measure/process.js';
import { parseIperf3 } from './output.js';
import { measureFlow } from './units.js';
import { onLoopback, sideBySide, withoutNamespaces } from './workload.js';

/** @import { RunningServer, Target, Workload } from './workload.js' */

/** The server takes one client at a time, and may not have let go of the last one yet. */
const busyRetries = 50;
const busyPauseMs = 100;

const warmUpBytes = '400M';

/**
 * @param {Target} target
 * @param {readonly string[]} args
 */
async function iperf3({ host, port, clientNamespace }, args) {
  for (let attempt = 0; attempt < busyRetries; attempt++) {
    const client = ['--client', host, '--port', String(port), '--json', ...args];
    const delivered = parseIperf3(await runLoad('iperf3', client, clientNamespace));
    if (delivered !== 'busy') return delivered;
    await delay(busyPauseMs);
  }
  throw new Error('iperf3 stayed busy');
}

/**
 * @param {string} [namespace] the network namespace that it runs in
 * @returns {Promise<RunningServer>}
 */
async function startServer(namespace) {
  const port = await freePort();
  const args = ['--server', '--bind', '127.0.0.1', '--port', String(port), '--forceflush'];
  const { stop } = await startProgram(
    'load',
    'iperf3',
    args,
    (output) => output.includes('Server listening'),
    { namespace },
  );
  return onLoopback(port, stop);
}

/** @returns {Promise<RunningServer>} on a host where nobody is paced */
async function startServerUnpaced() {
  const { namespace, remove } = await startUnpacedHost();
  try {
    const server = await startServer(namespace);
    return {
      ...server,
      proxyNamespace: namespace,
      clientNamespace: namespace,
      stop: () => server.stop().finally(remove),
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/**
 * Streams that send as fast as they can.
 *
 * @param {number} streams
 * @param {{ reverse?: boolean, unpaced?: boolean, peers?: readonly string[] }} [options] `reverse`: from
 *   server to client; `unpaced`: clients, proxies and server on a host whose congestion control does not
 *   pace, whatever the machine's own does
 * @returns {Workload}
 */
function bulk(streams, { reverse = false, unpaced = false, peers = sideBySide } = {}) {
  const count = streams === 1 ? '1 stream' : `${streams} streams`;
  const direction = reverse ? 'to the client' : 'to the server';
  const flags = ['--parallel', String(streams), ...(reverse ? ['--reverse'] : [])];
  return {
    name: `bulk-${streams}${reverse ? '-reverse' : ''}${unpaced ? '-unpaced' : ''}`,
    title: `bulk, ${count} ${direction}${unpaced ? ', nobody paced' : ''} (iperf3)`,
    unit: 'bytes',
    needs: { iperf3: 'iperf3', ...(unpaced ? { ip: 'iproute2' } : {}) },
    ...(unpaced ? { impossible: withoutNamespaces } : {}),
    peers,

    startServer: () => (unpaced ? startServerUnpaced() : startServer()),

    async warmUp(target) {
      await iperf3(target, [...flags, '--bytes', warmUpBytes]);
      return undefined;
    },

    measure: (target) =>
      measureFlow('bytes', target.pid, () =>
        iperf3(target, [...flags, '--time', String(target.seconds)]),
      ),
  };
}

export const bulk1 = bulk(1, { peers: [...sideBySide, 'stream'] });
export const bulk8 = bulk(8, { peers: [...sideBySide, 'stream'] });
export const bulk64 = bulk(64);
export const bulk1Reverse = bulk(1, { reverse: true });
export const bulk8Reverse = bulk(8, { reverse: true });
export const bulk64Reverse = bulk(64, { reverse: true });
export const bulk1Unpaced = bulk(1, { unpaced: true });
export const bulk8Unpaced = bulk(8, { unpaced: true });
