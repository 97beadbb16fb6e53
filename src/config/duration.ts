/** Durations as people write them: `500ms`, `5s`, `1m`, `1h`, and `50us` where it matters; `0` is off. */
import { SplicewayError } from '../errors/catalogue.js';

/** A whole number with `ms`, `s`, `m` or `h`; a plain number is milliseconds; 0 is off. */
export type Duration = string | number;

/** The units, and how long each is. */
export const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
type Unit = keyof typeof MILLISECONDS;

/** Node's timers take a signed 32-bit number of milliseconds; 596 hours is the last whole one. */
const LONGEST_HOURS = 596;
export const LONGEST_MS = LONGEST_HOURS * MILLISECONDS.h;

export const MICROSECONDS_IN_MS = 1000;

/**
 * Parses a duration to milliseconds.
 *
 * @param input `500ms`, `5s`, `1m`, `1h`, `0`, or a whole number of milliseconds; at most 596 hours
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_DURATION`
 */
export function parseDuration(input: Duration): number {
  const milliseconds = typeof input === 'number' ? input : parseText(input);
  if (milliseconds > LONGEST_MS) {
    throw invalid(input, `the longest is ${LONGEST_HOURS}h; write 0 for off`);
  }
  if (!Number.isInteger(milliseconds) || milliseconds < 0) {
    throw invalid(input, 'a number of milliseconds is whole and not negative, as in 1500');
  }
  return milliseconds;
}

/**
 * Parses a duration to microseconds, for what is measured in them.
 *
 * @param input as for `parseDuration`, or whole microseconds, `50us`
 * @param longestMs the most that makes sense, in milliseconds
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_DURATION`
 */
export function parseMicroseconds(input: Duration, longestMs: number): number {
  if (typeof input === 'string' && /^\d*[1-9]\d*$/.test(input)) {
    throw invalid(input, `the unit is missing; write ${input}us or ${input}ms`);
  }
  const fine = typeof input === 'string' ? /^(\d+)us$/.exec(input)?.[1] : undefined;
  const microseconds =
    fine === undefined ? parseDuration(input) * MICROSECONDS_IN_MS : Number(fine);
  if (microseconds > longestMs * MICROSECONDS_IN_MS) {
    throw invalid(
      input,
      `the longest here is ${formatDuration(longestMs)}; write 50us, or 0 for off`,
    );
  }
  return microseconds;
}

/**
 * Parses a duration to whole seconds, rounded up, in milliseconds: for what the kernel counts so.
 *
 * @param input as for `parseDuration`
 * @param longestMs the most that makes sense, in milliseconds
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_DURATION`
 */
export function parseSeconds(input: Duration, longestMs: number): number {
  if (typeof input === 'string' && /^\d+us$/.test(input)) {
    throw invalid(input, 'whole seconds count here; write 1s or more, or 0 for off');
  }
  if (typeof input === 'string' && /^\d*[1-9]\d*$/.test(input)) {
    throw invalid(input, `the unit is missing; write ${input}s or ${input}m`);
  }
  const milliseconds = parseDuration(input);
  if (milliseconds > longestMs) {
    throw invalid(
      input,
      `the longest here is ${formatDuration(longestMs)}; write 1m, or 0 for off`,
    );
  }
  return Math.ceil(milliseconds / MILLISECONDS.s) * MILLISECONDS.s;
}

/** The shortest text that `parseMicroseconds` reads back as the same number of microseconds. */
export function formatMicroseconds(microseconds: number): string {
  const isFine = microseconds % MICROSECONDS_IN_MS !== 0;
  return isFine ? `${microseconds}us` : formatDuration(microseconds / MICROSECONDS_IN_MS);
}

/** The shortest text that `parseDuration` reads back as the same number of milliseconds. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0';
  const unit = (['h', 'm', 's'] as const).find((name) => milliseconds % MILLISECONDS[name] === 0);
  return unit === undefined ? `${milliseconds}ms` : `${milliseconds / MILLISECONDS[unit]}${unit}`;
}

function parseText(text: string): number {
  if (text === '0') return 0;
  const match = /^(\d+)(ms|s|m|h)$/.exec(text);
  if (match === null) throw invalid(text, advice(text));
  const [, count, unit] = match;
  return Number(count) * MILLISECONDS[unit as Unit];
}

function advice(text: string): string {
  if (/^\d+$/.test(text)) return `the unit is missing; write ${text}ms or ${text}s`;
  if (/^\d+us$/.test(text)) return 'microseconds are too fine here; write 1ms or more';
  if (/^\d*\.\d+/.test(text)) return 'the number must be whole; write 1500ms instead of 1.5s';
  return 'write a whole number and ms, s, m or h, as in 500ms, 5s, 1m or 1h, or 0 for off';
}

function invalid(input: Duration, reason: string): SplicewayError {
  const shown = typeof input === 'number' ? String(input) : JSON.stringify(input);
  return new SplicewayError(
    'ERR_SPLICEWAY_INVALID_DURATION',
    `${shown} is not a duration: ${reason}`,
  );
}
