/** The page of a result. Nothing on it is written by hand. */
import { units } from '../workloads/units.js';
import { judge } from './criteria.js';
import { formatRatio } from './numbers.js';
import { ratioLines } from './ratios.js';
import { renderMarkdown, workloadRows } from './table.js';

/** @import { Result, WorkloadResult } from './result.js' */

/** @param {Result} result */
function machineSection({ machine }) {
  const commit = machine.commit?.slice(0, 12) ?? 'commit unknown';
  const version = `${machine.spliceway} (${commit}${machine.changed ? ', changed since' : ''})`;
  const tools = Object.entries(machine.tools).filter(([, text]) => text !== undefined);
  const rows = [
    ['date', machine.date.slice(0, 10)],
    ['Spliceway', version],
    ['processor', `${machine.processor ?? 'unknown'}, ${machine.cores} cores`],
    ['memory', `${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    [
      'system',
      [machine.kernel, machine.distribution, machine.architecture].filter(Boolean).join(', '),
    ],
    ['pinning', machine.pinning],
    ['open files', String(machine.openFiles?.hard ?? 'unknown')],
    [
      'pipes',
      `at most ${machine.pipeMaxSize} bytes each, ${machine.pipeUserPagesSoft} pages a user`,
    ],
    ['congestion control', machine.congestionControl ?? 'unknown'],
    ['Node', machine.node],
    ...tools.map(([tool, text]) => [tool, text ?? '']),
  ];
  return renderMarkdown({ head: ['', ''], rows }, 2);
}

/**
 * One line a workload and figure, one column a peer that Spliceway is compared with.
 *
 * @param {Result} result
 */
function ratioSection({ results, peers }) {
  const columns = [...peers.filter(({ kind }) => kind !== 'own').map(({ name }) => name), 'best'];
  const rows = results.flatMap((of) => {
    const lines = ratioLines(of, peers).filter((line) => line.of === 'native');
    if (lines.length === 0) return [];
    return units[of.unit].map(({ title }, index) => [
      `[${of.workload}](#${of.workload})`,
      title,
      ...columns.map((to) => formatRatio(lines.find((line) => line.to === to)?.values[index])),
    ]);
  });
  const titles = columns.map(
    (name) => peers.find((peer) => peer.name === name)?.title ?? 'best proxy',
  );
  return renderMarkdown({ head: ['workload', 'figure', ...titles], rows }, 2);
}

/** @param {Result} result */
function criteriaSection(result) {
  const rows = judge(result).map(({ claim, measured, holds }) => [claim, measured, holds]);
  return renderMarkdown({ head: ['claim', 'measured', 'holds?'], rows }, 3);
}

/**
 * @param {Result} result
 * @param {WorkloadResult} of
 * @param {string} pictures
 */
function workloadSection(result, of, pictures) {
  const { figures, ratios } = workloadRows(result, of);
  return [
    `### ${of.workload}`,
    `![${of.title}: medians with lowest and highest, as in the table](${pictures}/${of.workload}.svg)`,
    renderMarkdown(figures),
    ...(ratios.rows.length > 0 ? [renderMarkdown(ratios)] : []),
  ].join('\n\n');
}

const limits = `- **No network.** All but \`network-transfers\` run over loopback, where one segment carries up to 64 KiB and no
  card, driver or switch takes part. On a real network the share of a proxy is smaller and packets are many.
  \`network-transfers\` has segments of a real size, but its links are memory too. Work that the kernel does in
  interrupts is in nobody's CPU time.
- **Pacing.** Where the congestion control is BBR, the kernel sends by a timer, on loopback as well. Spliceway switches
  that off for what it sends over loopback itself. The others do not, nor do iperf3's ends, which bounds "no proxy";
  so some of what \`bulk-*\` shows there, above all against tuned HAProxy and Go, is the machine's setting.
  \`bulk-*-unpaced\` shows all of them where nobody is paced, and is held to the same claims.
- **Few cores, and shared.** Clients and the server share one core, so beyond some rate they are the limit and not
  the proxy; "no proxy" is that limit. On virtual machines neighbours bend every figure: only ratios within this
  run mean something.
- **One thread each.** How any of them scales with cores is not measured.
- **The peers as the distribution packages them**, in the versions above, with the configurations in
  \`scripts/bench/peers/\`. Newer versions and other settings may do better.
- **Plain TCP.** No TLS, no HTTP, no PROXY protocol, no logging of sessions, no health checks: much of what other
  proxies are used for is not asked of them here.
- **Seconds, not days.** Growth over time and behaviour under overload are the tests' subject.
- **Memory is the process's resident memory.** Socket buffers are the kernel's and the same for all; memory that a
  process holds in reserve from its start is not counted as growth.
- **Busy polling** (\`native-spin\`) buys latency with a core that does not sleep while there is traffic. Its CPU
  figure says how much.`;

/**
 * @param {Result} result
 * @param {string} pictures the folder of the plots, as seen from the page
 * @returns {string} Markdown
 */
export function renderPage(result, pictures) {
  const { repetitions, seconds, notes, results } = result;
  const kind = result.full ? '' : '\n\n**A part of the benchmark only, or a short one.**';
  return `${[
    '<!-- Written by `npm run bench`; changes by hand are lost. -->',
    `# Benchmarks${kind}`,
    `Spliceway and other proxies side by side, in one run on one machine. What is measured and how:
[benchmarking](${result.full ? '' : '../docs/'}benchmarking.md). Figures from another machine or day differ; ratios within a run are what counts.`,
    '## Machine and versions',
    machineSection(result),
    '## How',
    `Medians of ${repetitions} repetitions of ${seconds} s (fewer where peers are started anew each time), with the lowest and the highest in
brackets and as whiskers. Peers take turns within each repetition; a ratio is the median of the ratios within the
repetitions. GB is 10⁹ bytes and Gbit 10⁹ bits of payload. CPU is the user and system time of the proxy's process.`,
    ...(notes.length > 0 ? [notes.map((note) => `- ${note.trim()}`).join('\n')] : []),
    '## Spliceway against each of the others',
    'Above 1 is better for rates, below 1 for CPU, p99 and memory. *Best proxy* is, for each figure, the other proxy that is best in it.',
    ratioSection(result),
    '## What the project asks of itself',
    criteriaSection(result),
    '## Workloads',
    ...results.map((of) => workloadSection(result, of, pictures)),
    '## What this does not show',
    limits,
  ].join('\n\n')}\n`;
}
