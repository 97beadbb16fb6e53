/** `npm run bench -- --only changes`: what a change costs in a small configuration and in large ones. */
import { inRoot } from '../lib/root.js';
import { findProgram } from '../lib/run.js';
import { runLoad, startProgram } from './measure/process.js';
import { spread } from './measure/statistics.js';
import { formatSpread } from './report/numbers.js';
import { renderText } from './report/table.js';
import { startNginx } from './workloads/nginx-server.js';
import { parseWrk } from './workloads/output.js';

/** @typedef {{ title: string, pools: number, backends: number }} Size backends of each pool */
/** @typedef {Record<string, number> & { rss: number, connections: number }} Figures */

/** The first one is what the others are compared with. @type {readonly Size[]} */
const sizes = [
  { title: '1 pool of 10', pools: 1, backends: 10 },
  { title: '1 pool of 10,000', pools: 1, backends: 10_000 },
  { title: '1,000 pools of 10', pools: 1000, backends: 10 },
];

/** The sizes take turns, so that a machine that slows down does so for all. */
const repetitions = 3;
const wrkSeconds = 3;

/** What the program measures of itself. @type {readonly [key: string, title: string, digits: number][]} */
const timed = [
  ['start', 'start, ms', 0],
  ['setWeight', 'setWeight(), ms', 3],
  ['add', 'add() of a backend, ms', 2],
  ['remove', 'remove() of a backend, ms', 2],
  ['update', 'update() of one weight, ms', 2],
];

/**
 * A proxy of this size, with a server behind all its backends.
 *
 * @param {Size} size
 * @param {number} serverPort
 * @returns {Promise<Figures>}
 */
async function measure({ pools, backends }, serverPort) {
  const { answer, stop } = await startProgram(
    'proxy',
    process.execPath,
    [
      '--expose-gc',
      inRoot('scripts', 'bench', 'changes', 'program.js'),
      ...[pools, backends, serverPort].map(String),
    ],
    (output) => output.match(/^\{.*\}$/m)?.[0],
  );
  try {
    const { port, ...figures } = JSON.parse(answer);
    const { amount, seconds } = parseWrk(
      await runLoad('wrk', [
        ...['--threads', '1', '--connections', '50', '--duration', `${wrkSeconds}s`, '--latency'],
        ...['--header', 'Connection: close', `http://127.0.0.1:${port}/`],
      ]),
    );
    return { ...figures, connections: amount / seconds };
  } finally {
    await stop();
  }
}

/**
 * @param {readonly (readonly Figures[])[]} samples of each size, in their order
 * @returns {string[][]}
 */
function rowsOf(samples) {
  const counts = sizes.map(({ pools, backends }) => pools * backends);
  const [least = 0] = counts;
  /** @param {string} title @param {number} digits @param {(figures: Figures) => number} value */
  const row = (title, digits, value) => [
    title,
    ...samples.map((figures) => formatSpread(spread(figures.map(value)), digits)),
  ];
  const leastMemory = Math.min(...(samples[0] ?? []).map(({ rss }) => rss));
  const perBackend = counts.map((count, index) => {
    if (index === 0) return '';
    const more = (count - least) * 1024;
    return formatSpread(
      spread((samples[index] ?? []).map(({ rss }) => (rss - leastMemory) / more)),
      1,
    );
  });
  return [
    ...timed.map(([key, title, digits]) => row(title, digits, (of) => of[key] ?? Number.NaN)),
    row('memory of the process, MiB', 0, ({ rss }) => rss / 2 ** 20),
    ['memory of a backend, KiB', ...perBackend],
    row('connections a second', 0, ({ connections }) => connections),
  ];
}

/** @returns {Promise<number>} exit status: 1 when something is missing */
export async function measureChanges() {
  const missing = ['nginx', 'wrk'].filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) {
    process.stdout.write(`not installed: apt-get install ${missing.join(' ')}\n`);
    return 1;
  }
  // Each backend has an address of its own, and all of them lead to this server.
  const { address, stop } = await startNginx('0.0.0.0');
  try {
    /** @type {Figures[][]} */
    const samples = sizes.map(() => []);
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const [index, size] of sizes.entries()) {
        samples[index]?.push(await measure(size, address.port));
      }
    }
    const head = ['', ...sizes.map(({ title }) => title)];
    process.stdout.write(`${renderText({ head, rows: rowsOf(samples) })}\n`);
    return 0;
  } finally {
    await stop();
  }
}
