/** The page of a soak. Nothing on it is written by hand. */
import { disturbanceRows, loadRows, restRows } from './summary.js';

/** @import { Result } from './soak.js' */
/** @import { Rows } from './summary.js' */

/** @param {Rows} rows */
function markdown({ head, rows }) {
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @param {Result} result @param {string} plot its file, as seen from the page */
export function renderPage(result, plot) {
  const { run, samples, failures } = result;
  const sessions = samples.at(-1)?.opened.toLocaleString('en') ?? '0';
  const verdict =
    failures.length === 0 ? 'Nothing failed.' : failures.map((f) => `- ${f}`).join('\n');
  return `${[
    '<!-- Written by `npm run soak -- --page`; changes by hand are lost. -->',
    '# Soak',
    `\`npm run soak -- --minutes N\` puts a proxy with 1,024 open files between real clients and real servers. The pairs
are nginx and wrk, redis-server and redis-benchmark, MariaDB and mariadb-slap, and iperf3 both ways at once. One more is an echo server,
whose clients know each byte that must come back.

All are disturbed all the time. Servers are stopped, killed and started again, and reset everybody. Clients are killed, or come in
crowds that say nothing, more than there are descriptors for. The proxy's own JavaScript is held up. What is done when comes from a
seed.`,
    `Six times the load ends. Each time all sessions must end within the longest time-out, and descriptors, pipes and threads be what they
were before the first client. At the end memory may be little more than after the first of these rests. Programs that fail because their
server was killed are what was to be expected; a wrong byte, a session that stays, or a proxy that ends are not.`,
    `## ${run.seconds / 60} minutes, ${run.engine} engine, seed ${run.seed} (${run.date.slice(0, 10)})`,
    `${sessions} sessions. ${verdict}`,
    `![Memory, descriptors and sessions over time](${plot})`,
    '### At rest',
    markdown(restRows(result)),
    `Memory is what is resident outside of V8's heap: the loops, their buffers, stacks and libraries. A rest begins with a collection of
garbage.`,
    '### Load',
    markdown(loadRows(result)),
    '### Disturbances',
    markdown(disturbanceRows(result)),
    '## What this does not show',
    `- Hours or days. A leak of a few bytes a session is found by the sanitizers and by \`test/29.endurance.test.ts\`, or not at all.
- A network: everything is on one machine. [transfers.md](transfers.md) has namespaces with small segments and small buffers.
- The bytes of wrk, redis-benchmark, mariadb-slap and iperf3: those programs trust what they get. The echo server's clients do not.`,
  ].join('\n\n')}\n`;
}
