/** Names that users give to listeners, pools and backends. */
import * as z from '../vendor/zod.js';
import { NAME_PATTERN } from './pattern.js';
import { show } from './values.js';

const error = ({ input }: { input?: unknown }) =>
  `${show(input)} is not a name; write text of a-z, 0-9, ".", "_" and "-" that begins with a letter or a digit, as in db-1`;

export const nameText = z.string({ error }).regex(new RegExp(NAME_PATTERN), { error });

/**
 * An object of named entries, made a list of them in its order, each with its name.
 *
 * @param entry what stands behind a name
 * @param error for what is not such an object, and for one without an entry
 */
export function namedEntries<Entry extends object>(
  entry: z.ZodType<Entry>,
  error: (issue: { readonly input?: unknown }) => string,
) {
  return z
    .preprocess(noPrototype, z.record(nameText, entry, { error }))
    .superRefine((entries, context) => {
      if (Object.keys(entries).length > 0) return;
      context.addIssue({ code: 'custom', message: error({ input: entries }) });
    })
    .transform((entries) => Object.entries(entries).map(([name, given]) => ({ name, ...given })));
}

/** Zod leaves this one key out without a word. */
export function noPrototype(input: unknown, context: z.RefinementCtx): unknown {
  if (typeof input !== 'object' || input === null || !Object.hasOwn(input, '__proto__'))
    return input;
  const message = error({ input: '__proto__' });
  context.addIssue({ code: 'custom', path: ['__proto__'], message });
  return z.NEVER;
}
