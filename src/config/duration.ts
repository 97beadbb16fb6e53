/** Durations as people write them: `500ms`, `5s`, `1m`, `1h`; `0` switches a timeout off. */
import { SplicewayError } from '../errors.js';

/** A whole number with `ms`, `s`, `m` or `h`; a plain number is milliseconds; 0 is off. */
export type Duration = string | number;

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
type Unit = keyof typeof MILLISECONDS;

/** Node's timers take a signed 32-bit number of milliseconds; 596 hours is the last whole one. */
const LONGEST_HOURS = 596;
const LONGEST_MS = LONGEST_HOURS * MILLISECONDS.h;

/**
 * Parses a duration to milliseconds.
 *
 * @param input `500ms`, `5s`, `1m`, `1h`, `0`, or a whole number of milliseconds; at most 596 hours
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_DURATION`
 */
export function parseDuration(input: Duration): number {
  const milliseconds = typeof input === 'number' ? input : parseText(input);
  if (!Number.isSafeInteger(milliseconds) || milliseconds < 0) {
    throw invalid(input, 'a number of milliseconds is whole and not negative, as in 1500');
  }
  if (milliseconds > LONGEST_MS) {
    throw invalid(input, `the longest is ${LONGEST_HOURS}h; write 0 to switch the timeout off`);
  }
  return milliseconds;
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
  if (/^\d*\.\d+/.test(text)) return 'the number must be whole; write 1500ms instead of 1.5s';
  return 'write a whole number and ms, s, m or h, as in 500ms, 5s, 1m or 1h';
}

function invalid(input: Duration, reason: string): SplicewayError {
  const shown = typeof input === 'number' ? String(input) : JSON.stringify(input);
  return new SplicewayError(
    'ERR_SPLICEWAY_INVALID_DURATION',
    `${shown} is not a duration: ${reason}`,
  );
}
