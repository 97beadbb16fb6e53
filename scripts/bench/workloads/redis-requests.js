import { accepts, freePort } from '../../lib/port.js';
import { runLoad, startProgram } from '../measure/process.js';
import { parseRedis } from './output.js';
import { measureFlow } from './units.js';
import { onLoopback, sideBySide } from './workload.js';

/** @import { Address } from '../peers/peer.js' */
/** @import { Workload } from './workload.js' */

/** Few enough to be over in a moment, many enough to tell the rate by. */
const trialRequests = 2000;
const warmUpSeconds = 0.5;

/**
 * @param {Address} target
 * @param {readonly string[]} args
 */
const benchmark = ({ host, port }, args) =>
  runLoad('redis-benchmark', ['-h', host, '-p', String(port), '--csv', ...args]);

/**
 * @param {Address} target
 * @param {{ clients: number, bytes: number, requests: number }} load
 */
async function get(target, { clients, bytes, requests }) {
  const output = await benchmark(target, [
    ...['-t', 'get', '-d', String(bytes)],
    ...['-c', String(clients), '-n', String(requests)],
  ]);
  return parseRedis(output, requests);
}

/** It counts requests and not time. @param {number} rate @param {number} seconds */
const requestsFor = (rate, seconds) => Math.max(trialRequests, Math.round(rate * seconds));

/**
 * Small requests, one outstanding at each client.
 *
 * @param {number} clients
 * @param {number} bytes of each answer
 * @param {readonly string[]} peers
 * @returns {Workload}
 */
function requests(clients, bytes, peers) {
  const kilobytes = bytes / 1024;
  const size = kilobytes < 1 ? `${bytes} B` : `${kilobytes} KiB`;
  return {
    name: `requests-${clients}${kilobytes < 1 ? '' : `-${kilobytes}k`}`,
    title: `GET of ${size}, ${clients === 1 ? '1 client' : `${clients} clients`} (redis-benchmark)`,
    unit: 'requests',
    needs: { 'redis-server': 'redis-server', 'redis-benchmark': 'redis-tools' },
    peers,

    async startServer() {
      const port = await freePort();
      const args = [
        ...['--port', String(port), '--bind', '127.0.0.1'],
        ...['--save', '', '--appendonly', 'no'],
      ];
      const server = await startProgram('load', 'redis-server', args, () => accepts(port));
      const running = onLoopback(port, server.stop);
      // The value that all GETs read.
      await benchmark(running.address, ['-t', 'set', '-d', String(bytes), '-n', '1', '-c', '1']);
      return running;
    },

    async warmUp(target) {
      const trial = await get(target, { clients, bytes, requests: trialRequests });
      const count = requestsFor(trial.amount / trial.seconds, warmUpSeconds);
      const { amount, seconds } = await get(target, { clients, bytes, requests: count });
      return amount / seconds;
    },

    measure: (target) =>
      measureFlow('requests', target.pid, () => {
        const count = requestsFor(target.rate ?? 0, target.seconds);
        return get(target, { clients, bytes, requests: count });
      }),
  };
}

const small = 64;
const large = 16 * 1024;

export const redis1 = requests(1, small, [...sideBySide, 'native-spin']);
export const redis50 = requests(50, small, [...sideBySide, 'stream']);
export const redis500 = requests(500, small, sideBySide);
export const redis1Large = requests(1, large, [...sideBySide, 'native-spin']);
export const redis50Large = requests(50, large, sideBySide);
export const redis500Large = requests(500, large, sideBySide);
