/** Clients who wait for a place in a pool whose backends are all full. */
import * as z from '../vendor/zod.js';
import { LONGEST_MS, parseDuration } from './duration.js';
import { durationPattern } from './pattern.js';
import type { PoolConfig } from './types.js';
import { durationBy, durationForms, isPlainObject, show, wholeNumber } from './values.js';

/** As many as an engine has sessions. */
export const QUEUE_MAX = 1 << 20;

/** As validated. */
export interface QueueConfig {
  /** Clients who may wait at once; 0 is none. */
  readonly length: number;
  /** How long each may wait, in milliseconds; 0 is any time. Left out: as long as one address may take to answer. */
  readonly timeoutMs?: number;
}

const FORM = "write a number, or { length: 400, timeout: '5s' }";
const KEYS = ['length', 'timeout'];

const length = wholeNumber(0, QUEUE_MAX);
const timeout = durationBy(parseDuration, durationPattern(LONGEST_MS));

export const queue = z
  .unknown()
  .transform((input, context): QueueConfig => {
    const refuse = (message: string, path: readonly string[] = [], code?: string) => {
      context.addIssue({ code: 'custom', message, path: [...path], params: { code } });
      return z.NEVER;
    };
    const isObject = isPlainObject(input);
    if (typeof input !== 'number' && !isObject)
      return refuse(`${show(input)} is no queue; ${FORM}`);
    const given: Record<string, unknown> = isObject ? { ...input } : { length: input };
    const other = Object.keys(given).find((key) => !KEYS.includes(key));
    if (other !== undefined) return refuse(`unknown option; ${FORM}`, [other]);
    if (given.length === undefined) return refuse(`the length is missing; ${FORM}`, ['length']);
    const most = length.safeParse(given.length);
    if (!most.success)
      return refuse(most.error.issues[0]?.message ?? '', isObject ? ['length'] : []);
    if (given.timeout === undefined) return { length: most.data };
    const limit = timeout.safeParse(given.timeout);
    if (limit.success) return { length: most.data, timeoutMs: limit.data };
    const [issue] = limit.error.issues;
    const code = issue?.code === 'custom' ? (issue.params?.code as string | undefined) : undefined;
    return refuse(issue?.message ?? '', ['timeout'], code);
  })
  .meta({
    anyOf: [
      { type: 'integer', minimum: 0, maximum: QUEUE_MAX },
      {
        type: 'object',
        properties: {
          length: {
            type: 'integer',
            minimum: 0,
            maximum: QUEUE_MAX,
            description: 'How many clients may wait at once; 0 is none.',
          },
          timeout: {
            anyOf: durationForms(durationPattern(LONGEST_MS)),
            description:
              'How long a client may wait: 500ms, 5s, 1m or 1h; 0 is any time. Default: the connectTimeout of the pool.',
          },
        },
        required: ['length'],
        additionalProperties: false,
      },
    ],
  });

/** How long a client may wait in the queue of a pool, in milliseconds; 0 is any time. */
export function queueTimeoutOf({
  queue: { timeoutMs },
  connectTimeoutMs,
}: Pick<PoolConfig, 'queue' | 'connectTimeoutMs'>): number {
  return timeoutMs ?? connectTimeoutMs;
}
