/** Words about a backend, for policies that are functions. */
import * as z from '../vendor/zod.js';
import { noPrototype } from './name.js';
import { NAME_PATTERN } from './pattern.js';
import { show } from './values.js';

const TAGS_MAX = 16;
const KEY_LENGTH_MAX = 63;
const VALUE_LENGTH_MAX = 255;

const keyError = ({ input }: { input?: unknown }) =>
  `${show(input)} is not the key of a tag; write text of a-z, 0-9, ".", "_" and "-" that begins with a letter or a digit, ` +
  `${KEY_LENGTH_MAX} letters at most`;
const valueError = ({ input }: { input?: unknown }) =>
  `${show(input)} is not the value of a tag; write text of ${VALUE_LENGTH_MAX} letters at most, in quotes where it is a number`;

const key = z
  .string({ error: keyError })
  .regex(new RegExp(NAME_PATTERN), { error: keyError })
  .max(KEY_LENGTH_MAX, { error: keyError });
const value = z.string({ error: valueError }).max(VALUE_LENGTH_MAX, { error: valueError });

export const tags = z
  .preprocess(
    noPrototype,
    z.record(key, value, {
      error: ({ input }) => `${show(input)} is not an object of tags; write { zone: 'eu-1' }`,
    }),
  )
  .superRefine((entries, context) => {
    const count = Object.keys(entries).length;
    if (count <= TAGS_MAX) return;
    const message = `there are ${count} tags; give ${TAGS_MAX} at most`;
    context.addIssue({ code: 'custom', message });
  })
  // What a program gave stays its own, and what policies are shown is not theirs to change.
  .transform((entries): Readonly<Record<string, string>> => Object.freeze({ ...entries }))
  .meta({ maxProperties: TAGS_MAX });
