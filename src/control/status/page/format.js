/** Figures as people read them. */

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];

/** @param {number} value */
function digits(value) {
  if (value >= 100 || value === 0) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, '');
}

/** @param {number} value @param {string} unit */
function scaled(value, unit) {
  let at = 0;
  let rest = value;
  while (rest >= 999.5 && at < prefixes.length - 1) {
    rest /= 1000;
    at += 1;
  }
  return `${digits(rest)} ${prefixes[at]}${unit}`.trim();
}

/** @param {number} value a number of things, such as 12,345 */
export const count = (value) => value.toLocaleString('en');

/** @param {number} value */
export const bytes = (value) => scaled(value, 'B');

/** @param {number} value */
export const byteRate = (value) => (value < 0.5 ? '0 B/s' : `${scaled(value, 'B')}/s`);

/** @param {number} value */
export const rate = (value) => `${value >= 1000 ? scaled(value, '') : digits(value)}/s`;

/** @param {number | null | undefined} value in seconds */
export function seconds(value) {
  if (value === undefined) return '–';
  if (value === null) return 'over a day';
  if (value < 1) return `${digits(value * 1000)} ms`;
  if (value < 60) return `${digits(value)} s`;
  return span(value * 1000);
}

/** @param {number} ms a time between two others: 3 min, 2 h 5 min, 4 d 3 h */
export function span(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [total / 86_400, (total / 3600) % 24, (total / 60) % 60].map(
    Math.floor,
  );
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${total} s`;
}

/** @param {number} at milliseconds since 1970 */
export function clock(at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString('en-GB');
  return isToday ? time : `${date.toLocaleDateString('en-CA')} ${time}`;
}

/** @param {number} many @param {string} what */
export const some = (many, what) => `${count(many)} ${what}${many === 1 ? '' : 's'}`;
