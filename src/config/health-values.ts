/** The kinds of values that a health check has. What `meta()` holds is for the JSON Schema alone. */
import { SplicewayError } from '../errors/catalogue.js';
import type { StatusRange } from '../model/health.js';
import * as z from '../vendor/zod.js';
import { LONGEST_MS, parseDuration } from './duration.js';
import { someDurationPattern } from './pattern.js';
import { parsedBy, show } from './values.js';

const JITTER_MAX = 50;
const STATUS_MIN = 100;
const STATUS_MAX = 599;

export const someDuration = parsedBy((input): number => {
  const isDuration = typeof input === 'string' || typeof input === 'number';
  const ms = isDuration ? parseDuration(input) : 0;
  if (ms > 0) return ms;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_DURATION',
    `${show(input)} is not a duration of more than 0; write 500ms, 5s, 1m or 1h`,
  );
}).meta({
  type: 'string',
  pattern: someDurationPattern(LONGEST_MS),
  patternErrorMessage: 'write 500ms, 5s, 1m or 1h',
});

/** A share of the interval, as a number of percent. */
export const jitter = parsedBy((input): number => {
  const [, digits] = (typeof input === 'string' && /^(\d{1,2})%$/.exec(input)) || [];
  if (digits !== undefined && Number(digits) <= JITTER_MAX) return Number(digits);
  throw invalid(`${show(input)} is not a share of 0% to ${JITTER_MAX}%; write it as in 10%`);
}).meta({
  type: 'string',
  pattern: '^(?:[0-4]?[0-9]|50)%$',
  patternErrorMessage: `write 0% to ${JITTER_MAX}%`,
});

/** Statuses of HTTP: one, a range, or a list of these. */
export const statuses = parsedBy((input): StatusRange[] => {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0) throw invalid('there is no status; write 200, or 200-399');
  return list.map(statusRange);
}).meta({
  anyOf: [...statusForms(), { type: 'array', minItems: 1, items: { anyOf: statusForms() } }],
});

function statusRange(input: unknown): StatusRange {
  const isText = typeof input === 'string' || typeof input === 'number';
  const [, first, last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(isText ? `${input}` : '') ?? [];
  const range = { from: Number(first), to: Number(last) };
  if (range.from >= STATUS_MIN && range.to <= STATUS_MAX && range.from <= range.to) return range;
  throw invalid(`${show(input)} is neither a status nor a range of them; write 200, or 200-399`);
}

function statusForms() {
  return [
    { type: 'integer', minimum: STATUS_MIN, maximum: STATUS_MAX },
    { type: 'string', pattern: '^[1-5][0-9]{2}(?:-[1-5][0-9]{2})?$' },
  ];
}

/** Bytes, as text or as `hex:` with two digits for each. */
export const bytes = parsedBy((input): string => {
  const isRight =
    typeof input === 'string' &&
    (input.startsWith('hex:') ? /^hex:(?:[\da-f]{2})+$/i.test(input) : input !== '');
  if (isRight) return input;
  throw invalid(`${show(input)} is neither text nor bytes; write "PING", or "hex:50494e47"`);
}).meta({ type: 'string', minLength: 1 });

const WITHOUT_ZERO = '^[^\\u0000]+$';
/** Text without a zero, where texts of these protocols end. It may be a secret, so no message repeats it. */
export const text = z
  .string({
    error: ({ input }) =>
      input === undefined
        ? 'missing; write text'
        : 'this is not text; write text, in quotes where it looks like a number',
  })
  .regex(new RegExp(WITHOUT_ZERO), {
    error: 'this is empty, or has a zero byte; write other text',
  });

/**
 * A line of a certain form.
 *
 * @param what it is to be, for messages
 */
export function line(pattern: string, what: string) {
  const error = ({ input }: { input?: unknown }) => `${show(input)} is not ${what}`;
  return z.string({ error }).regex(new RegExp(pattern), { error });
}

function invalid(message: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
}
