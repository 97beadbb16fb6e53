/** What is drawn: a list of lines, as many and as wide as the terminal has. */
import { paint, type Styled } from '../remote/terminal.js';
import { formatCount } from '../remote/words.js';
import { detailOf } from './detail.js';
import { headOf } from './head.js';
import { line, shortened } from './lines.js';
import { listOf, MARGIN } from './lists.js';
import type { Said } from './prompt.js';
import type { Figures } from './rates.js';
import type { Page, Row } from './rows.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface View {
  readonly page: Page;
  readonly order: string;
  readonly filter: string;
  readonly rows: readonly Row[];
  /** How many there would be without a filter. */
  readonly count: number;
  /** Index of the row that is chosen. */
  readonly chosen: number;
  /** Index of the first one that was shown before. */
  readonly first: number;
  /** What is typed, or asked, or was answered. */
  readonly said: Said | undefined;
  /** Why the figures are old. */
  readonly trouble: string | undefined;
  readonly isHelp: boolean;
}

export interface Frame {
  /** Painted; none is longer than the terminal is wide. */
  readonly lines: readonly string[];
  /** Index of the first row that is shown. */
  readonly first: number;
  /** How many rows there is room for. */
  readonly room: number;
}

/** The second ones only where there is room: `?` tells of them, too. */
const KEYS: Readonly<Record<Page, readonly [always: string, wide: string]>> = {
  backends: [
    'q quit  ? help  Tab sessions  s sort  / find  d drain  r ready  w weight  K kill',
    'm maintenance',
  ],
  sessions: ['q quit  ? help  Tab backends  s sort  / find  K kill', ''],
};

const HELP: readonly string[] = [
  'up, down, j, k   move; also Page Up, Page Down, Home and End',
  'Tab              backends, or sessions',
  's                the next order',
  '/                show only what has a text in its name or address',
  'Escape           show all again',
  'd                drain the backend: no new sessions, and those it has go on',
  'm                maintenance: as drained, and not checked either',
  'r                ready: takes back what d and m have done',
  'w                another weight',
  'K                end the session, or all sessions of the backend',
  'q, Ctrl+C        quit',
  '',
  'd, m, r and K ask first. IN is what clients send, OUT is what backends send.',
  'TRAFFIC is both, look by look: the highest has the whole height.',
  'CONNECT, since the pool is there: half took no longer, and 99 of 100.',
  'A star: set by hand; spliceway reset takes it back.',
];

/** Below the head: an empty line, the title, those of the columns; at the end, the detail and the keys. */
const OTHER_LINES = 5;

/** Letters of a sparkline: what figures leave. */
const sparkOf = (columns: number): number =>
  Math.max(8, Math.min(60, Math.floor((columns - 70) / 3)));

export function frameOf(figures: Figures, view: View, { columns, rows }: Size): Frame {
  const spark = sparkOf(columns);
  const head = headOf(figures, { columns, spark, trouble: view.trouble });
  const room = Math.max(1, rows - head.length - OTHER_LINES);
  const first = firstOf(view, room);
  const shown = view.rows.slice(first, first + room);
  const list = { rows: view.rows, shown, isTree: view.order === 'pool', spark, width: columns };
  const [titles = '', ...lines] = shown.length === 0 ? [] : listOf(figures, list);
  const middle = view.isHelp
    ? HELP.map((text) => line([{ text }], columns))
    : [
        line(titleOf(view), columns),
        ' '.repeat(MARGIN) + titles,
        ...lines.map((text, index) => marked(text, first + index === view.chosen)),
      ];
  const body = [...head, '', ...middle].slice(0, Math.max(0, rows - 2));
  const blank = new Array<string>(Math.max(0, rows - 2 - body.length)).fill('');
  const detail: Styled = {
    text: view.isHelp ? '' : detailOf(view.rows[view.chosen], figures),
    style: 'dim',
  };
  const keys = view.isHelp ? 'any key goes back' : keysOf(view.page, columns);
  return {
    lines: [
      ...body,
      ...blank,
      saidLine(view.said ?? detail, columns),
      line([{ text: keys, style: 'dim' }], columns),
    ].slice(-rows),
    ...{ first, room },
  };
}

function saidLine({ text, end = '', style }: Said, columns: number): string {
  const shown = end.slice(-columns);
  return line([{ text: shortened(text, columns - shown.length) + shown, style }], columns);
}

function keysOf(page: Page, columns: number): string {
  const [always, wide] = KEYS[page];
  const all = `${always}  ${wide}`;
  return all.length <= columns ? all : always;
}

/** So that the chosen one is seen, and as little moves as can be. */
function firstOf({ first, chosen, rows }: View, room: number): number {
  const near = Math.min(Math.max(first, chosen - room + 1), chosen);
  return Math.max(0, Math.min(near, rows.length - room));
}

function titleOf({ page, order, filter, rows, count }: View): Styled[] {
  const shown = rows.filter(({ kind }) => kind !== 'pool').length;
  const many =
    shown === count ? formatCount(count) : `${formatCount(shown)} of ${formatCount(count)}`;
  return [
    { text: `${many} ${page}`, style: 'bold' },
    { text: `, by ${order}`, style: 'dim' },
    ...(filter === '' ? [] : [{ text: `, with "${filter}"`, style: 'yellow' as const }]),
  ];
}

/** The mark is seen where there are no colours. */
const marked = (text: string, isChosen: boolean): string =>
  isChosen
    ? `${paint({ text: '>', style: 'bold' })} ${paint({ text, style: 'bold' })}`
    : `  ${text}`;
