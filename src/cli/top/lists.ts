/** The two lists, as tables. */
import { formatBytes } from '../live-line.js';
import { sessionColumns, sessionRow } from '../remote/sessions.js';
import { type Cell, type Column, tableOf } from '../remote/table.js';
import { formatAge, formatCount } from '../remote/words.js';
import { bytesText, rateText, secondsText } from './figure.js';
import { type Figures, keyOf, type Trace } from './rates.js';
import type { Row } from './rows.js';
import { sparkline } from './sparkline.js';
import { connectTimesOf, stateOf, stateOfPool } from './state.js';

/** Letters of `> ` before the row that is chosen. */
export const MARGIN = 2;

export interface ListOptions {
  /** Letters that a line may have. */
  readonly width: number;
  /** All rows: columns are as wide as these need, so that they stay where they are while somebody moves. */
  readonly rows: readonly Row[];
  /** Those that are shown. */
  readonly shown: readonly Row[];
  /** Whether backends stand below their pools. */
  readonly isTree: boolean;
  /** Letters of a sparkline; 0: none is shown. */
  readonly spark: number;
}

/** @returns the titles, then a line for each of `shown` */
export function listOf(figures: Figures, options: ListOptions): string[] {
  const { rows, width } = options;
  const isOfSessions = rows[0]?.kind === 'session';
  const columns = isOfSessions ? sessionColumns : backendColumns(options);
  const cells = (row: Row) =>
    row.kind === 'session' ? sessionRow(row.session) : backendCells(row, figures, options);
  const widest = isOfSessions ? widestSession(rows) : widestBackend(options);
  const lines = tableOf(columns, [...options.shown.map(cells), widest], width - MARGIN);
  return lines.slice(0, -1);
}

/** What a narrow terminal has no room for goes first: that is what the line about the chosen row has. */
const backendColumns = ({ spark }: ListOptions): readonly Column[] => [
  { title: 'POOL, BACKEND', least: 14, isName: true },
  { title: 'ADDRESS', least: 15, rank: 5, isName: true },
  { title: 'STATE' },
  { title: 'SINCE', isRight: true, rank: 8 },
  { title: 'WEIGHT', isRight: true, rank: 6 },
  { title: 'OPEN', isRight: true },
  { title: 'NEW/S', isRight: true },
  { title: 'FAIL/S', isRight: true, rank: 4 },
  { title: 'IN/S', isRight: true, rank: 1 },
  { title: 'OUT/S', isRight: true, rank: 1 },
  ...(spark > 0 ? [{ title: 'TRAFFIC', isRight: true, rank: 2 }] : []),
  { title: 'CONNECT 50%', isRight: true, rank: 7 },
  { title: '99%', isRight: true, rank: 7 },
  { title: 'WHY', least: 12, rank: 3 },
];

type BackendRow = Exclude<Row, { readonly kind: 'session' }>;

function backendCells(row: BackendRow, figures: Figures, options: ListOptions): Cell[] {
  const cells = row.kind === 'pool' ? poolCells(row, figures) : ofBackend(row, figures, options);
  const { rates, history } = cells.trace ?? { history: [] };
  return [
    cells.name,
    cells.address,
    cells.state,
    cells.since,
    cells.weight,
    formatCount(cells.open),
    rateText(rates?.opened),
    { text: rateText(rates?.failed), style: (rates?.failed ?? 0) > 0 ? 'red' : undefined },
    bytesText(rates?.bytesUpstream),
    bytesText(rates?.bytesDownstream),
    ...(options.spark > 0
      ? [{ text: sparkline(history, options.spark), style: 'cyan' as const }]
      : []),
    ...cells.connect,
    cells.why,
  ];
}

interface Cells {
  readonly name: Cell;
  readonly address: string;
  readonly state: Cell;
  readonly since: string;
  readonly weight: string;
  readonly open: number;
  readonly trace: Trace | undefined;
  readonly connect: readonly [string, string];
  readonly why: string;
}

function poolCells(
  { pool, backends }: Extract<Row, { readonly kind: 'pool' }>,
  figures: Figures,
): Cells {
  const { length } = pool.queue;
  const times = connectTimesOf(pool);
  return {
    name: { text: pool.name, style: 'bold' },
    address: '',
    state: stateOfPool(backends),
    since: '',
    weight: '',
    open: backends.reduce((sum, { open }) => sum + open, 0),
    trace: figures.pools.get(pool.name),
    connect: times === undefined ? ['', ''] : [secondsText(times.p50), secondsText(times.p99)],
    why: length === 0 ? '' : `${formatCount(length)} wait for a place`,
  };
}

function ofBackend(
  { backend }: Extract<Row, { readonly kind: 'backend' }>,
  figures: Figures,
  { isTree }: ListOptions,
): Cells {
  const { pool, name, address, health, weight, open, override } = backend;
  return {
    name: isTree ? `  ${name}` : `${pool}/${name}`,
    address: name === address ? '' : address,
    state: stateOf(backend),
    since: formatAge(Date.now() - health.since),
    weight: `${weight}${override?.weight === undefined ? '' : '*'}`,
    open,
    trace: figures.backends.get(keyOf(backend)),
    connect: ['', ''],
    why: health.status === 'up' ? '' : health.reason,
  };
}

/** A row of the widest that each column is to be expected to have. It is never shown. */
function widestBackend({ rows, spark, isTree }: ListOptions): Cell[] {
  let [name, address, state, why] = ['', '', 'maintenance', ''];
  for (const row of rows) {
    if (row.kind === 'session') continue;
    const told = row.kind === 'pool' ? stateOfPool(row.backends) : stateOf(row.backend);
    state = longer(state, told.text);
    if (row.kind === 'pool') continue;
    const { backend } = row;
    name = longer(name, isTree ? `  ${backend.name}` : `${backend.pool}/${backend.name}`);
    if (backend.address !== backend.name) address = longer(address, backend.address);
    if (backend.health.status !== 'up') why = longer(why, backend.health.reason);
  }
  const size = '1023.9 MiB'.slice(1);
  return [
    ...[name, address, state, '23h 59m', '1000*', '99,999', '9,999', '999'],
    ...[size, size],
    ...(spark > 0 ? [' '.repeat(spark)] : []),
    ...['9.9 ms', '9.9 ms'],
    why,
  ];
}

function widestSession(rows: readonly Row[]): Cell[] {
  const sessions = rows.flatMap((row) => (row.kind === 'session' ? [row.session] : []));
  const cells = sessions.slice(0, 1000).map((session) => sessionRow(session));
  const at = (index: number) =>
    cells.reduce((found, row) => longer(found, textOf(row[index] ?? '')), '');
  const size = formatBytes(999.9 * 2 ** 20);
  return [at(0), at(1), at(2), at(3), 'connecting', '23h 59m', '23h 59m', size, size, `${size}/s`];
}

const textOf = (cell: Cell) => (typeof cell === 'string' ? cell : cell.text);
const longer = (one: string, other: string) => (other.length > one.length ? other : one);
