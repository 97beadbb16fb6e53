/** What of a text a terminal shows, and how. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'inverse';

export interface Styled {
  readonly text: string;
  readonly style?: Style | undefined;
}

/**
 * What servers, files and other balancers say may not move the cursor, nor turn the text around: of control characters and
 * those of format there is a question mark.
 */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, '?');

/** Letters in a line of standard output; any number where no terminal reads it. */
export const widthOf = (out: NodeJS.WriteStream): number =>
  // Some terminals do not tell: 0.
  out.isTTY && out.columns > 0 ? out.columns : Number.POSITIVE_INFINITY;

/** Colours where the terminal has them, and NO_COLOR and the like allow it. */
export function paint({ text, style }: Styled, out: NodeJS.WriteStream = process.stdout): string {
  return style === undefined ? text : styleText(style, text, { stream: out });
}
