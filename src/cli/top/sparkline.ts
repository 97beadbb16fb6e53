/** A line of figures, a letter each. */

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/**
 * The last of them at the right; the highest of those that are shown has the whole height. Nothing at all is a point on the line,
 * so that little is seen to be more than nothing.
 *
 * @param values 0 or more
 * @param width letters
 */
export function sparkline(values: readonly number[], width: number): string {
  const shown = width > 0 ? values.slice(-width) : [];
  const most = Math.max(...shown, 0);
  return shown
    .map((value) => barOf(value, most))
    .join('')
    .padStart(width);
}

function barOf(value: number, most: number): string {
  if (value <= 0) return '·';
  return BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))] ?? '';
}
