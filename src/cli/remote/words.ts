/** Figures as people read them. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** Two units at most: `2h 5m`, `45s`, `0s`. */
export function formatAge(milliseconds: number): string {
  const index = UNITS.findIndex(([, size]) => milliseconds >= size);
  const first = UNITS[index];
  if (first === undefined) return '0s';
  const [unit, size] = first;
  const whole = `${Math.floor(milliseconds / size)}${unit}`;
  const [smaller, smallerSize] = UNITS[index + 1] ?? ['', Number.POSITIVE_INFINITY];
  const rest = Math.floor((milliseconds % size) / smallerSize);
  return rest === 0 ? whole : `${whole} ${rest}${smaller}`;
}

/** `1 session`, `12,345 sessions`. */
export function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;
}

export const formatCount = (count: number): string => count.toLocaleString('en');
