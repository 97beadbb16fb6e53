import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../lib/port.js';
import { runLoad, startProgram } from '../measure/process.js';

/** @import { Workload } from './workload.js' */

/** The server takes one client at a time, and may not have let go of the last one yet. */
const busyRetries = 50;
const busyPauseMs = 100;

/**
 * Streams that send as fast as they can, client to server.
 *
 * @param {number} streams
 * @returns {Workload}
 */
const bulk = (streams) => ({
  name: `bulk-${streams}`,
  title: `bulk, ${streams === 1 ? '1 stream' : `${streams} streams`} (iperf3)`,
  unit: 'bytes',
  needs: { iperf3: 'iperf3' },

  async startServer() {
    const port = await freePort();
    const args = ['--server', '--bind', '127.0.0.1', '--port', String(port), '--forceflush'];
    const server = await startProgram('load', 'iperf3', args, (output) =>
      output.includes('Server listening'),
    );
    return { port, stop: server.stop };
  },

  async measure({ port, seconds }) {
    const args = [
      ...['--client', '127.0.0.1', '--port', String(port), '--json'],
      ...['--time', String(seconds), '--parallel', String(streams)],
    ];
    for (let attempt = 0; ; attempt++) {
      const report = JSON.parse(await runLoad('iperf3', args));
      const received = report.end?.sum_received;
      if (received) return { amount: received.bytes, seconds: received.seconds };
      if (attempt === busyRetries || !/busy/.test(report.error)) {
        throw new Error(`iperf3 gave no figures: ${report.error}`);
      }
      await delay(busyPauseMs);
    }
  },
});

export const bulk1 = bulk(1);
export const bulk8 = bulk(8);
