/** `npm run bench -- --only policies`: new connections by each policy, in a small pool and in a large one. */
import { inRoot } from '../lib/root.js';
import { findProgram } from '../lib/run.js';
import { startAnnounced } from './peers/announced.js';
import { formatRatio, formatSpread } from './report/numbers.js';
import { ratio, summarise } from './report/summary.js';
import { renderText } from './report/table.js';
import { runWorkload } from './run-workload.js';
import { startNginx } from './workloads/nginx-server.js';
import { units } from './workloads/units.js';
import { churn } from './workloads/wrk-requests.js';

/** @import { BenchOptions } from './options.js' */
/** @import { Peer } from './peers/peer.js' */

/** The first one is what the others are compared with. */
const policies = ['round-robin', 'least-connections', 'random', 'first', 'source-hash'];
const sizes = [3, 1000];

/**
 * Backends with an address of their own each, all of which lead to one server.
 *
 * @param {number} count
 * @param {number} port
 */
const backends = (count, port) =>
  Array.from({ length: count }, (_, index) => `127.1.${index >> 8}.${index & 255}:${port}`);

/** @param {string} policy @param {number} size @returns {Peer} */
const peerOf = (policy, size) => ({
  name: `${policy}, ${size}`,
  title: `${policy}, ${size.toLocaleString('en')} backends`,
  kind: 'own',
  needs: {},
  start: (route) =>
    startAnnounced(route, process.execPath, [
      inRoot('dist', 'cli', 'main.js'),
      ...['--threads', '1', '--policy', policy, '--listen', `${route.listenHost}:0`],
      ...backends(size, route.server.port).flatMap((backend) => ['--backend', backend]),
    ]),
});

/**
 * @param {Pick<BenchOptions, 'repetitions' | 'seconds'>} options
 * @returns {Promise<number>} exit status: 1 when something is missing, or failed
 */
export async function measurePolicies({ repetitions, seconds }) {
  const missing = ['nginx', 'wrk'].filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) {
    process.stdout.write(`not installed: apt-get install ${missing.join(' ')}\n`);
    return 1;
  }
  const peers = sizes.flatMap((size) => policies.map((policy) => peerOf(policy, size)));
  let failures = 0;
  const samples = await runWorkload(
    { ...churn, startServer: () => startNginx('0.0.0.0') },
    {
      peers,
      repetitions,
      seconds,
      onSample: () => {},
      onFailure: (peer, error) => {
        failures += 1;
        process.stdout.write(`failed: ${peer.title}: ${error}\n`);
      },
    },
  );
  const { name: workload, title, unit } = churn;
  const figures = units[unit].filter(({ key }) => key !== 'p99');
  const base = peers[0]?.name ?? '';
  const rows = summarise({ workload, title, unit, samples }, peers).map(({ peer, figures: of }) => [
    peer.title,
    ...figures.map(({ key, digits }) => formatSpread(of[key], digits)),
    ...figures.map(({ key }) => formatRatio(ratio(samples, peer.name, base, key))),
  ]);
  const head = [
    '',
    ...figures.map((figure) => figure.title),
    ...figures.map((figure) => `${figure.title}, to the first`),
  ];
  process.stdout.write(`${title}\n${renderText({ head, rows })}\n`);
  return failures > 0 ? 1 : 0;
}
