import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../lib/port.js';
import { runLoad, startProgram } from '../measure/process.js';
import { parseIperf3 } from './output.js';
import { measureFlow } from './units.js';
import { onLoopback, sideBySide } from './workload.js';

/** @import { Target, Workload } from './workload.js' */

/** The server takes one client at a time, and may not have let go of the last one yet. */
const busyRetries = 50;
const busyPauseMs = 100;

const warmUpBytes = '400M';

/**
 * @param {Target} target
 * @param {readonly string[]} args
 */
async function iperf3({ host, port }, args) {
  for (let attempt = 0; attempt < busyRetries; attempt++) {
    const client = ['--client', host, '--port', String(port), '--json', ...args];
    const delivered = parseIperf3(await runLoad('iperf3', client));
    if (delivered !== 'busy') return delivered;
    await delay(busyPauseMs);
  }
  throw new Error('iperf3 stayed busy');
}

/**
 * Streams that send as fast as they can.
 *
 * @param {number} streams
 * @param {{ reverse?: boolean, peers?: readonly string[] }} [options] `reverse`: from server to client
 * @returns {Workload}
 */
function bulk(streams, { reverse = false, peers = sideBySide } = {}) {
  const count = streams === 1 ? '1 stream' : `${streams} streams`;
  const flags = ['--parallel', String(streams), ...(reverse ? ['--reverse'] : [])];
  return {
    name: `bulk-${streams}${reverse ? '-reverse' : ''}`,
    title: `bulk, ${count} ${reverse ? 'to the client' : 'to the server'} (iperf3)`,
    unit: 'bytes',
    needs: { iperf3: 'iperf3' },
    peers,

    async startServer() {
      const port = await freePort();
      const args = ['--server', '--bind', '127.0.0.1', '--port', String(port), '--forceflush'];
      const server = await startProgram('load', 'iperf3', args, (output) =>
        output.includes('Server listening'),
      );
      return onLoopback(port, server.stop);
    },

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
