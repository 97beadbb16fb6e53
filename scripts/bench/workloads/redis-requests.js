import { accepts, freePort } from '../../lib/port.js';
import { runLoad, startProgram } from '../measure/process.js';

/** @import { Workload } from './workload.js' */

const valueBytes = 64;
/** Few enough to be over in a moment, many enough to tell the rate by. */
const trialRequests = 5000;

/**
 * @param {number} port
 * @param {readonly string[]} args
 */
const benchmark = (port, args) =>
  runLoad('redis-benchmark', ['-h', '127.0.0.1', '-p', String(port), '--csv', ...args]);

/**
 * @param {number} port
 * @param {number} clients
 * @param {number} requests
 */
async function get(port, clients, requests) {
  const output = await benchmark(port, [
    ...['-t', 'get', '-d', String(valueBytes)],
    ...['-c', String(clients), '-n', String(requests)],
  ]);
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms",…
  const fields =
    output
      .match(/^"GET",.*$/m)?.[0]
      .replaceAll('"', '')
      .split(',')
      .map(Number) ?? [];
  const [, rate = 0, , , , , p99Ms = 0] = fields;
  if (!(rate > 0)) throw new Error(`redis-benchmark gave no rate\n${output}`);
  return { amount: requests, seconds: requests / rate, p99Ms };
}

/**
 * Small requests and small answers, one outstanding at each client.
 *
 * @param {number} clients
 * @returns {Workload}
 */
const requests = (clients) => ({
  name: `requests-${clients}`,
  title: `GET of ${valueBytes} bytes, ${clients === 1 ? '1 client' : `${clients} clients`} (redis-benchmark)`,
  unit: 'requests',
  needs: { 'redis-server': 'redis-server', 'redis-benchmark': 'redis-tools' },

  async startServer() {
    const port = await freePort();
    const args = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    const server = await startProgram('load', 'redis-server', args, () => accepts(port));
    // The value that all GETs read.
    await benchmark(port, ['-t', 'set', '-d', String(valueBytes), '-n', '1', '-c', '1']);
    return { port, stop: server.stop };
  },

  // It counts requests and not time: a short trial says how many fill the time.
  async prepare({ port, seconds }) {
    const trial = await get(port, clients, trialRequests);
    return Math.max(trialRequests, Math.round((trialRequests / trial.seconds) * seconds));
  },

  measure: ({ port }, count) => get(port, clients, count),
});

export const redis1 = requests(1);
export const redis50 = requests(50);
