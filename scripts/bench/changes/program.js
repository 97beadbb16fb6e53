/**
 * A Node program whose proxy has so many pools and backends. It measures changes of them, prints the figures and its port, and
 * goes on.
 *
 * Arguments: pools; backends of each; the port of the server behind them, which has all addresses of 127.0.0.0/8.
 */
import { inRoot } from '../../lib/root.js';
import { median } from '../measure/statistics.js';

const [pools = 0, backends = 0, port = 0] = process.argv.slice(2).map(Number);
// Not a plain import: the types must check in a checkout that has not been built.
const { createProxy } = await import(inRoot('dist', 'index.js'));

/** One of 127.0.0.0/8, but not 127.0.0.1. @param {number} index */
const addressOf = (index) =>
  `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}:${port}`;

/** The whole configuration; the first backend has this weight. @param {number} weight */
const optionsOf = (weight) => ({
  engine: 'native',
  threads: 1,
  listeners: { main: { address: '127.0.0.1:0', pool: 'pool-0' } },
  pools: Object.fromEntries(
    Array.from({ length: pools }, (_, pool) => [
      `pool-${pool}`,
      {
        backends: Array.from({ length: backends }, (_, index) => ({
          name: `backend-${index}`,
          address: addressOf(pool * backends + index),
          ...(pool + index === 0 ? { weight } : {}),
        })),
      },
    ]),
  ),
});

/**
 * Milliseconds, the median of several.
 *
 * @param {number} times
 * @param {(round: number) => unknown} change
 */
async function timeOf(times, change) {
  const samples = [];
  for (let round = 0; round < times; round++) {
    const begin = performance.now();
    await change(round);
    samples.push(performance.now() - begin);
  }
  return median(samples);
}

const begin = performance.now();
const proxy = await createProxy(optionsOf(1));
const start = performance.now() - begin;
// Pools that no listener uses are what is measured here.
proxy.on('warning', () => {});
globalThis.gc?.();
const { rss } = process.memoryUsage();

const pool = proxy.pool('pool-0');
const backend = pool.backend('backend-1');
const added = Array.from({ length: 20 }, (_, index) => addressOf(pools * backends + index));
const figures = {
  start,
  rss,
  setWeight: await timeOf(50, (round) => backend.setWeight(1 + (round % 2))),
  add: await timeOf(added.length, (round) => pool.add(added[round])),
  remove: await timeOf(added.length, (round) => pool.remove(added[round])),
  update: await timeOf(10, (round) => proxy.update(optionsOf(2 + (round % 2)))),
};
console.log(JSON.stringify({ ...figures, port: proxy.addresses()[0].port }));
