/** The first lines: the balancer as a whole, and what is wrong. */
import type { ControlStatus } from '../../control/types.js';
import { poolsWithoutBackend } from '../remote/state.js';
import type { Styled } from '../remote/terminal.js';
import { formatAge, formatCount } from '../remote/words.js';
import { bytesText, rateText } from './figure.js';
import { line, listedIn } from './lines.js';
import type { Figures } from './rates.js';
import { sparkline } from './sparkline.js';

/** Listeners and pools may be many: so many lines of what is wrong are shown. */
const MOST_PROBLEMS = 3;

export interface HeadOptions {
  /** Letters that a line may have. */
  readonly columns: number;
  /** Letters of a sparkline; 0: none is shown. */
  readonly spark: number;
  /** Why the figures are old. */
  readonly trouble?: string | undefined;
}

export function headOf(figures: Figures, { columns, spark, trouble }: HeadOptions): string[] {
  const { status } = figures;
  const { name, version, engine, pid, since, generation } = status;
  const facts = `  spliceway ${version}, ${engine.name} engine, process ${pid}, up ${formatAge(Date.now() - since)}, generation ${generation}`;
  const problems = problemsOf(status);
  const shown = problems.slice(0, MOST_PROBLEMS);
  const rest = problems.length - shown.length;
  return [
    line([{ text: name, style: 'bold' }, { text: facts }], columns),
    line(sessionsOf(figures), columns),
    ...trafficLines(figures, columns, spark),
    line(listenersOf(status, columns), columns),
    ...[
      ...(trouble === undefined ? [] : [trouble]),
      ...shown,
      ...(rest === 0 ? [] : [`and ${formatCount(rest)} more like that`]),
    ].map((text) => line([{ text, style: 'red' }], columns)),
  ];
}

function sessionsOf({ status: { sessions, pools }, total: { rates } }: Figures): Styled[] {
  const waiting = pools.reduce((sum, { queue }) => sum + queue.length, 0);
  return [
    { text: `sessions   ${formatCount(sessions.open)} open` },
    ...(rates === undefined ? [] : [{ text: `, ${rateText(rates.opened)} new/s` }]),
    ...(rates === undefined || rates.failed === 0
      ? []
      : [{ text: ', ' }, { text: `${rateText(rates.failed)} failed/s`, style: 'red' as const }]),
    ...(waiting === 0
      ? []
      : [{ text: ', ' }, { text: `${formatCount(waiting)} in a queue`, style: 'yellow' as const }]),
    { text: `; ${formatCount(sessions.opened)} since the start` },
    ...(sessions.failed === 0 ? [] : [{ text: `, ${formatCount(sessions.failed)} failed` }]),
  ];
}

function trafficLines({ total }: Figures, columns: number, spark: number): string[] {
  const { rates, history } = total;
  if (rates === undefined) return [];
  const text = `traffic    ${bytesText(rates.bytesUpstream)}/s in, ${bytesText(rates.bytesDownstream)}/s out  `;
  // Where the text ends moves, so the line of what was stands at the edge.
  const room = Math.min(columns - FIGURES_OF_TRAFFIC, spark * 2);
  const past = spark > 0 && room > 0 ? sparkline(history, room) : '';
  return [
    line([{ text: text.padEnd(FIGURES_OF_TRAFFIC) }, { text: past, style: 'cyan' }], columns),
  ];
}

const FIGURES_OF_TRAFFIC = 46;

function listenersOf({ listeners, isStopping }: ControlStatus, columns: number): Styled[] {
  const title = 'listeners  ';
  const parts = listeners.map(({ name, address, isPaused }): Styled => {
    const text = `${name} ${address}`;
    if (isStopping) return { text: `${text} closed`, style: 'red' };
    return isPaused ? { text: `${text} paused`, style: 'yellow' } : { text };
  });
  // Those that are not as usual have to be seen.
  const sorted = [...parts].sort(
    (one, other) => Number(other.style !== undefined) - Number(one.style !== undefined),
  );
  return [{ text: title }, ...listedIn(sorted, columns - title.length)];
}

function problemsOf(status: ControlStatus): string[] {
  return [
    ...(status.isStopping ? ['it stops, and takes no more clients'] : []),
    ...poolsWithoutBackend(status).map((name) => `pool ${name} has no backend to pick`),
  ];
}
