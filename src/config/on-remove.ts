/** What becomes of the sessions of a backend that goes. */
import { SplicewayError } from '../errors/catalogue.js';
import * as z from '../vendor/zod.js';
import { LONGEST_MS, parseDuration } from './duration.js';
import { someDurationPattern } from './pattern.js';
import { didYouMean } from './suggest.js';
import { durationBy, isPlainObject, show } from './values.js';

export const onRemoveNames = ['keep', 'close'] as const;

/** They may go on for so long, in milliseconds. */
export interface TimedRemoval {
  readonly afterMs: number;
}

/** As validated. */
export type OnRemove = (typeof onRemoveNames)[number] | TimedRemoval;

const FORM = "choose keep or close, or write { after: '30s' }";

const after = durationBy((input) => {
  const afterMs = parseDuration(input);
  if (afterMs > 0) return afterMs;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_DURATION',
    'a time of 0 leaves it open what is meant; write onRemove: close to end them at once, or keep',
  );
}, someDurationPattern(LONGEST_MS));

export const onRemove = z
  .unknown()
  .transform((input, context): OnRemove => {
    const refuse = (message: string, path: readonly string[] = [], code?: string) => {
      context.addIssue({ code: 'custom', path: [...path], message, params: { code } });
      return z.NEVER;
    };
    const name = onRemoveNames.find((one) => one === input);
    if (name !== undefined) return name;
    if (!isPlainObject(input)) {
      const hint = typeof input === 'string' ? didYouMean(input, onRemoveNames) : '';
      return refuse(`${show(input)} is not what may become of sessions${hint}; ${FORM}`);
    }
    const other = Object.keys(input).find((key) => key !== 'after');
    if (other !== undefined) return refuse(`unknown option; ${FORM}`, [other]);
    const result = after.safeParse((input as { after?: unknown }).after);
    if (result.success) return { afterMs: result.data };
    const [issue] = result.error.issues;
    const code = issue?.code === 'custom' ? (issue.params?.code as string | undefined) : undefined;
    return refuse(issue?.message ?? '', ['after'], code);
  })
  .meta({
    anyOf: [
      { type: 'string', enum: [...onRemoveNames] },
      {
        type: 'object',
        properties: {
          after: {
            type: 'string',
            pattern: someDurationPattern(LONGEST_MS),
            patternErrorMessage: 'write 500ms, 5s, 1m or 1h',
            description: 'How long the sessions may go on: 500ms, 5s, 1m or 1h.',
          },
        },
        required: ['after'],
        additionalProperties: false,
      },
    ],
  });
