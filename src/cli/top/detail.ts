/** What the table has no room for, of the row that is chosen. */
import { formatAge, formatCount } from '../remote/words.js';
import { bytesText, secondsText } from './figure.js';
import { bytesOf, type Figures, keyOf } from './rates.js';
import type { Row } from './rows.js';
import { connectTimesOf } from './state.js';

/** One line. */
export function detailOf(row: Row | undefined, figures: Figures): string {
  if (row === undefined) return '';
  if (row.kind === 'session') {
    const { session } = row;
    const { id, listener, phase, backendAddress } = session;
    return `session ${id} of listener ${listener}, phase ${phase}${backendAddress === undefined ? '' : `, to ${backendAddress}`}`;
  }
  if (row.kind === 'pool') return poolDetail(row);
  const { backend } = row;
  const { pool, name, address, health, opened, failed, weight, maxSessions } = backend;
  const rates = figures.backends.get(keyOf(backend))?.rates;
  return [
    `${pool}/${name}${health.status === 'up' ? '' : ` ${health.status}: ${health.reason}`}`,
    ...(name === address ? [] : [`at ${address}`]),
    `${health.status === 'up' ? 'up for' : 'for'} ${formatAge(Date.now() - health.since)}`,
    `weight ${weight}`,
    `${formatCount(opened)} sessions so far`,
    ...(failed > 0 ? [`${formatCount(failed)} failed`] : []),
    ...(maxSessions === undefined ? [] : [`${formatCount(maxSessions)} at most`]),
    ...(rates === undefined ? [] : [`${bytesText(bytesOf(rates))}/s`]),
  ].join(', ');
}

function poolDetail({ pool, backends }: Extract<Row, { readonly kind: 'pool' }>): string {
  const { name, queue, maxPoolSessions } = pool;
  const times = connectTimesOf(pool);
  const notUp = backends.filter(({ health }) => health.status !== 'up').length;
  return [
    `pool ${name}`,
    ...(notUp === 0 ? [] : [`${notUp} of ${backends.length} backends not up`]),
    ...(times === undefined
      ? []
      : [`connect 50% within ${secondsText(times.p50)}, 99% within ${secondsText(times.p99)}`]),
    ...(queue.length === 0 ? [] : [`${formatCount(queue.length)} wait for a place`]),
    ...(queue.timedOut + queue.refused === 0
      ? []
      : [`${formatCount(queue.timedOut + queue.refused)} waited for nothing`]),
    ...(maxPoolSessions === undefined ? [] : [`${formatCount(maxPoolSessions)} sessions at most`]),
  ].join(', ');
}
