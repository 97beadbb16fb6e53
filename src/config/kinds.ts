/** The kinds of values that settings have: each is checked, shown and explained in one way. */
import type { HealthConfig } from '../model/health.js';
import type { FilterFunction } from '../policy/filter-function.js';
import type { PickFunction } from '../policy/pick-function.js';
import type { HashKey } from '../policy/plan.js';
import { type PolicyName, policyNames } from '../policy/registry.js';
import * as z from '../vendor/zod.js';
import {
  formatDuration,
  formatMicroseconds,
  LONGEST_MS,
  parseDuration,
  parseMicroseconds,
  parseSeconds,
} from './duration.js';
import { from, SOURCES_MAX } from './from.js';
import { formatHashKey, HASH_KEY_FORM, hashKey } from './hash-key.js';
import { healthOptionsOf } from './health-options-of.js';
import { health, healthShorthands } from './health-schema.js';
import { type OnRemove, onRemove, onRemoveNames, type TimedRemoval } from './on-remove.js';
import { durationPattern, microsecondsPattern } from './pattern.js';
import { QUEUE_MAX, type QueueConfig, queue } from './queue.js';
import type { Kind } from './setting.js';
import { durationBy, oneOf, pathText, show, wholeNumber, yesOrNo } from './values.js';

const asItIs = (text: string): unknown => text;
const numberOrText = (text: string): unknown => (/^-?\d+$/.test(text) ? Number(text) : text);

/** @param zero what the value 0 does */
export function duration(zero = '0 switches it off'): Kind<number, 'Ms'> {
  return {
    schema: durationBy(parseDuration, durationPattern(LONGEST_MS)),
    unit: 'Ms',
    placeholder: 'duration',
    form: `500ms, 5s, 1m or 1h; ${zero}.`,
    accepts: `a duration; ${zero.replace(/^0/, '`0`')}`,
    fromFlag: asItIs,
    format: (value) => formatDuration(value as number),
    toOption: (value) => formatDuration(value as number),
  };
}

/** What the kernel counts in whole seconds. */
export function seconds(longest: string): Kind<number, 'Ms'> {
  const longestMs = parseDuration(longest);
  return {
    schema: durationBy((input) => parseSeconds(input, longestMs), durationPattern(longestMs)),
    unit: 'Ms',
    placeholder: 'duration',
    form: `Whole seconds, 1s to ${longest}. 1s, 1m or 1h; 0 switches it off.`,
    accepts: `a duration of whole seconds, \`1s\` to \`${longest}\`; \`0\` switches it off`,
    fromFlag: asItIs,
    format: (value) => formatDuration(value as number),
    toOption: (value) => formatDuration(value as number),
  };
}

/** What is measured in microseconds. */
export function microseconds(longest: string): Kind<number, 'Us'> {
  const longestMs = parseDuration(longest);
  return {
    schema: durationBy(
      (input) => parseMicroseconds(input, longestMs),
      microsecondsPattern(longestMs),
    ),
    unit: 'Us',
    placeholder: 'duration',
    form: `50us, 500ms, 5s, 1m or 1h; 0 switches it off. At most ${longest}.`,
    accepts: `a duration, also \`50us\`, at most \`${longest}\`; \`0\` switches it off`,
    fromFlag: asItIs,
    format: (value) => formatMicroseconds(value as number),
    toOption: (value) => formatMicroseconds(value as number),
  };
}

export function whole(lowest: number, highest: number): Kind<number, ''> {
  return {
    schema: wholeNumber(lowest, highest),
    unit: '',
    placeholder: 'number',
    accepts: `${lowest} to ${highest}`,
    fromFlag: numberOrText,
    format: String,
  };
}

/**
 * One of several names.
 *
 * @param what for messages, as in `"x" is not an engine`
 */
export function choice<const Name extends string>(
  what: string,
  names: readonly Name[],
  placeholder = 'name',
): Kind<Name, ''> {
  return {
    schema: oneOf(what, names),
    unit: '',
    placeholder,
    names,
    accepts: inWords(names.map((name) => `\`${name}\``)),
    fromFlag: asItIs,
    format: String,
  };
}

/** One of several whole numbers. */
export function oneNumberOf<const Value extends number>(
  numbers: readonly Value[],
): Kind<Value, ''> {
  const error = ({ input }: { input?: unknown }) =>
    `${show(input)} is not one of the numbers that it may be; choose ${numbers.join(' or ')}`;
  return {
    schema: z.literal(numbers, { error }),
    unit: '',
    placeholder: 'number',
    accepts: inWords(numbers.map((number) => `\`${number}\``)),
    fromFlag: numberOrText,
    format: String,
  };
}

/** What of a client counts. */
export function hashKeyText(): Kind<HashKey, ''> {
  return {
    schema: hashKey,
    unit: '',
    placeholder: 'key',
    form: `${HASH_KEY_FORM}.`,
    accepts: '`address`, `address-and-port`, or bits of it: `/24`, or `/24,/56` for IPv4 and IPv6',
    fromFlag: asItIs,
    format: (value) => formatHashKey(value as HashKey),
    toOption: (value) => formatHashKey(value as HashKey),
  };
}

/** Its flag takes no value: it is there to say the opposite of the default. */
export function yesNo(): Kind<boolean, ''> {
  return {
    schema: yesOrNo,
    unit: '',
    accepts: '`true` or `false`',
    fromFlag: asItIs,
    format: (value) => (value === true ? 'yes' : 'no'),
  };
}

/** The name of one that is built in, or a function, which is taken as it is: only a call can tell whether it picks. */
export function policyOrFunction(): Kind<PolicyName | PickFunction, ''> {
  const named = choice('a policy', policyNames);
  const schema = z
    .unknown()
    .transform((input, context): PolicyName | PickFunction => {
      if (typeof input === 'function') return input as PickFunction;
      const name = named.schema.safeParse(input);
      if (name.success) return name.data;
      for (const { message } of name.error.issues) context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .meta({ type: 'string', enum: policyNames });
  return { ...named, schema, accepts: `${named.accepts}; in a program also a function` };
}

/** Taken as it is; a file has none. */
export function filterFunction(): Kind<FilterFunction, ''> {
  const schema = z.unknown().transform((input, context): FilterFunction => {
    if (typeof input === 'function') return input as FilterFunction;
    const message = `${show(input)} is not a function; only a program has a filter, ({ client, listener, signal }) => true, false or a promise`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
  return {
    schema,
    unit: '',
    accepts: 'in a program only: a function',
    isFunction: true,
    fromFlag: asItIs,
    format: () => 'a function',
  };
}

/** What becomes of sessions: by a name, or a time after which they end. */
export function onRemoveChoice(): Kind<OnRemove, ''> {
  return {
    schema: onRemove,
    unit: '',
    names: onRemoveNames,
    form: 'keep, close or { after: 30s }.',
    accepts: "`keep`, `close`, or `{ after: '30s' }`",
    fromFlag: asItIs,
    format: (value) =>
      typeof value === 'string'
        ? value
        : `after ${formatDuration((value as TimedRemoval).afterMs)}`,
    toOption: (value) =>
      typeof value === 'string'
        ? value
        : { after: formatDuration((value as TimedRemoval).afterMs) },
  };
}

/** Relative to the working directory. */
export function filePath(): Kind<string, ''> {
  return {
    schema: pathText,
    unit: '',
    placeholder: 'file',
    accepts: 'the path of a file',
    fromFlag: asItIs,
    format: String,
  };
}

/** Source addresses: one, or a list; in a flag with commas between them. */
export function sourceAddresses(): Kind<readonly string[], ''> {
  return {
    schema: from,
    unit: '',
    placeholder: 'address',
    form: `An address of this machine without a port, or a list of ${SOURCES_MAX} at most.`,
    accepts: `an IPv4 or IPv6 address, or a list of 1 to ${SOURCES_MAX}; in a flag with commas between them`,
    fromFlag: (text) => text.split(','),
    format: (value) => (value as readonly string[]).join(' and '),
  };
}

/** How many may wait, and how long. */
export function queueOf(): Kind<QueueConfig, ''> {
  return {
    schema: queue,
    unit: '',
    placeholder: 'number',
    form: 'A number, or { length: 400, timeout: 5s }.',
    accepts: `0 to ${QUEUE_MAX}, or \`{ length: 400, timeout: '5s' }\``,
    fromFlag: numberOrText,
    format: (value) => {
      const { length, timeoutMs } = value as QueueConfig;
      return timeoutMs === undefined ? `${length}` : `${length} for ${formatDuration(timeoutMs)}`;
    },
    toOption: (value) => {
      const { length, timeoutMs } = value as QueueConfig;
      return timeoutMs === undefined ? length : { length, timeout: formatDuration(timeoutMs) };
    },
  };
}

/** Health checks: the name of a type, or an object. */
export function healthChecks(): Kind<HealthConfig, ''> {
  return {
    schema: health,
    unit: '',
    accepts: `${inWords(healthShorthands.map((name) => `\`${name}\``))}, or an object with \`type\``,
    fromFlag: asItIs,
    format: (value) => {
      const { type, intervalMs } = value as HealthConfig;
      return `${type} every ${formatDuration(intervalMs)}`;
    },
    toOption: (value) => healthOptionsOf(value as HealthConfig),
  };
}

/** `a, b or c`. */
export function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}
