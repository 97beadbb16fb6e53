/** Figures that change while one looks: one line, rewritten on a terminal, rarely repeated in a file. */
import type { ProxyStats } from '../observe/stats.js';
import { print } from './output.js';

/** In a file or a pipe, a new line no more often than this. */
const REPEAT_MS = 10_000;
/** Back to its beginning, which is empty then. */
export const CLEAR_LINE = '\r\x1b[2K';

export class LiveLine {
  readonly #out: NodeJS.WriteStream;
  #last = '';
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** Shows the text now; where no terminal reads it, only when it changed and the last is old enough. */
  show(text: string): void {
    if (this.#out.isTTY) {
      // A line that wraps could not be rewritten. Some terminals do not tell how wide they are: 0.
      const width = this.#out.columns > 0 ? this.#out.columns - 1 : text.length;
      print(`${CLEAR_LINE}${text.slice(0, width)}`);
      return;
    }
    const now = performance.now();
    if (text === this.#last || now - this.#lastAt < REPEAT_MS) return;
    print(`${text}\n`);
    this.#last = text;
    this.#lastAt = now;
  }

  /** Leaves the line as it is; what is written next starts on a new one. */
  end(): void {
    if (this.#out.isTTY) print('\n');
  }
}

/** `names` are those of the backends, in the order of the pool. */
export function formatFigures(stats: ProxyStats, names: readonly string[]): string {
  const { sessions, bytes, backends } = stats;
  const turns = backends.map((backend, index) => `${names[index]} ${backend.opened}`).join(', ');
  return [
    `sessions ${sessions.opened} (${sessions.open} open)`,
    `up ${formatBytes(bytes.upstream)}`,
    `down ${formatBytes(bytes.downstream)}`,
    `turns ${turns}`,
  ].join(' | ');
}

/** `999 B`, `1.5 KiB`, `20.0 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const exponent = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** exponent).toFixed(1)} ${units[exponent - 1]}`;
}
