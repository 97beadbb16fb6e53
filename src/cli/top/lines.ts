/** Lines that fit. */
import { paint, plain, type Styled } from '../remote/terminal.js';

const CUT = '…';

/** One line of texts, painted; what does not fit is left out. */
export function line(parts: readonly Styled[], columns: number): string {
  let room = columns;
  return parts
    .map(({ text, style }) => {
      const shown = shortened(plain(text), room);
      room -= shown.length;
      return paint({ text: shown, style });
    })
    .join('');
}

/** @param room letters, or none where there is less than one */
export function shortened(text: string, room: number): string {
  if (text.length <= room) return text;
  return room < 1 ? '' : text.slice(0, room - 1) + CUT;
}

/** As many of them as there is room for, with what stands between, and how many there are more. */
export function listedIn(texts: readonly Styled[], columns: number): Styled[] {
  const parts: Styled[] = [];
  let room = columns;
  for (const [index, part] of texts.entries()) {
    const more = texts.length - index;
    const needed = part.text.length + 2;
    if (needed + (more > 1 ? ` and ${more} more`.length : 0) > room) {
      return [
        ...parts,
        { text: `${index === 0 ? '' : ' and '}${more}${index === 0 ? '' : ' more'}` },
      ];
    }
    parts.push(...(index === 0 ? [part] : [{ text: ', ' }, part]));
    room -= needed;
  }
  return parts;
}
