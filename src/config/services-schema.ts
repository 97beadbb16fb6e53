/** The long form: listeners and pools by their names. */
import * as z from '../vendor/zod.js';
import { backends } from './backend-schema.js';
import { descriptions, limitDescriptions } from './descriptions.js';
import { listen } from './listen-schema.js';
import { namedEntries, nameText } from './name.js';
import { SESSIONS_MAX } from './settings.js';
import { shapeOf } from './shapes.js';
import { show, wholeNumber } from './values.js';

const sessionsAtOnce = wholeNumber(1, SESSIONS_MAX);

/** Of one listener. */
export const namedListenerShape = {
  address: listen
    .refine((addresses) => addresses.length > 0, {
      error: 'give at least one address, as in :5555',
    })
    .meta({ description: descriptions.address }),
  pool: nameText.meta({ description: descriptions.pool }).optional(),
  maxSessions: sessionsAtOnce.meta({ description: limitDescriptions.maxSessions }).optional(),
  maxSessionsPerClient: sessionsAtOnce
    .meta({ description: limitDescriptions.maxSessionsPerClient })
    .optional(),
  ...shapeOf('listener'),
};

/** Of one pool. */
export const namedPoolShape = {
  backends: backends.meta({ description: descriptions.backends }),
  ...shapeOf('pool'),
};

const namedListener = z.strictObject(namedListenerShape, {
  error: ({ input }) => `${show(input)} is not a listener; write { address: ':5555', pool: NAME }`,
});

const namedPool = z.strictObject(namedPoolShape, {
  error: ({ input }) => `${show(input)} is not a pool; write { backends: [ADDRESS] }`,
});

export const listeners = namedEntries(namedListener, ({ input }) =>
  isEmpty(input)
    ? "there is no listener; write listeners: { NAME: { address: ':5555', pool: NAME } }"
    : `${show(input)} is not an object of listeners; write { NAME: { address: ':5555', pool: NAME } }`,
).meta({ description: descriptions.listeners });

export const pools = namedEntries(namedPool, ({ input }) =>
  isEmpty(input)
    ? 'there is no pool; write pools: { NAME: { backends: [ADDRESS] } }'
    : `${show(input)} is not an object of pools; write { NAME: { backends: [ADDRESS] } }`,
).meta({ description: descriptions.pools });

/** Left out, or without an entry. */
const isEmpty = (input: unknown) =>
  input === undefined || (typeof input === 'object' && Object.keys(input ?? [0]).length === 0);
