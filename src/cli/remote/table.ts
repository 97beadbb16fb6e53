/** Tables for people: as wide as the terminal, and no wider. */
import { paint, plain, type Styled } from './terminal.js';

export type Cell = string | Styled;

export interface Column {
  readonly title: string;
  readonly isRight?: boolean;
  /** Columns with the highest number go first where there is no room; those without one stay. */
  readonly rank?: number;
  /** To how many letters it may be cut, where there is no room. Others are rather left out than it is cut further. */
  readonly least?: number;
  /** Whether it is cut in its middle: names differ in their ends. */
  readonly isName?: boolean;
}

const GAP = '  ';
const CUT = '…';
/** Letters that a column keeps which may be cut, on the narrowest of terminals. */
const FLOOR = 8;

/**
 * Lines of a table, the first with the titles.
 *
 * @param rows as many cells as there are columns, each
 * @param width letters that a line may have
 */
export function tableOf(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
): string[] {
  const cells = rows.map((row) => row.map(asStyled));
  const titles = columns.map(({ title }) => ({ text: title, style: 'dim' }) as const);
  const natural = columns.map(({ title }, index) =>
    cells.reduce((most, row) => Math.max(most, row[index]?.text.length ?? 0), title.length),
  );
  const kept = keptOf(columns, natural, width);
  const widths = cutTo(columns, natural, kept, width);
  return [titles, ...cells].map((row) =>
    kept
      .map((index, place) => {
        const cell = row[index] ?? { text: '' };
        const { isRight = false, isName = false } = columns[index] ?? {};
        const most = widths[place] ?? 0;
        const fitting = { ...cell, text: shortened(cell.text, most, isName) };
        return padded(fitting, most, isRight, place === kept.length - 1);
      })
      .join(GAP)
      .trimEnd(),
  );
}

const asStyled = (cell: Cell): Styled =>
  typeof cell === 'string' ? { text: plain(cell) } : { ...cell, text: plain(cell.text) };

const total = (widths: readonly number[]) =>
  widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);

/** @returns numbers of the columns that there is room for */
function keptOf(
  columns: readonly Column[],
  natural: readonly number[],
  width: number,
): readonly number[] {
  const leastOf = (index: number) =>
    Math.min(natural[index] ?? 0, columns[index]?.least ?? Number.POSITIVE_INFINITY);
  let kept = columns.map((_, index) => index);
  for (;;) {
    if (total(kept.map(leastOf)) <= width) return kept;
    const rank = Math.max(...kept.map((index) => columns[index]?.rank ?? 0));
    if (rank === 0) return kept;
    kept = kept.filter((index) => columns[index]?.rank !== rank);
  }
}

/** The widest of those that may be cut gives a letter, until all have room. Where that is not enough, they go below their least. */
function cutTo(
  columns: readonly Column[],
  natural: readonly number[],
  kept: readonly number[],
  width: number,
): readonly number[] {
  const widths = kept.map((index) => natural[index] ?? 0);
  const leasts = kept.map((index) => columns[index]?.least ?? Number.POSITIVE_INFINITY);
  const floors = leasts.map((least) => (Number.isFinite(least) ? Math.min(least, FLOOR) : least));
  for (const ends of [leasts, floors]) {
    const spare = (place: number) => (widths[place] ?? 0) - (ends[place] ?? 0);
    while (total(widths) > width) {
      const places = [...widths.keys()].filter((place) => spare(place) > 0);
      if (places.length === 0) break;
      const widest = places.reduce((one, other) =>
        (widths[other] ?? 0) > (widths[one] ?? 0) ? other : one,
      );
      widths[widest] = (widths[widest] ?? 0) - 1;
    }
  }
  return widths;
}

function shortened(text: string, most: number, isName: boolean): string {
  if (text.length <= most) return text;
  const tail = isName ? Math.floor((most - 1) / 2) : 0;
  return text.slice(0, Math.max(most - 1 - tail, 0)) + CUT + text.slice(text.length - tail);
}

function padded(cell: Styled, width: number, isRight: boolean, isLast: boolean): string {
  const space = ' '.repeat(Math.max(width - cell.text.length, 0));
  const painted = paint(cell);
  if (isRight) return space + painted;
  return isLast ? painted : painted + space;
}
