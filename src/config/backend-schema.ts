/** What a proxy connects to: backends as text or as objects. */
import { formatAddress } from '../model/address.js';
import * as z from '../vendor/zod.js';
import { backendDescriptions } from './descriptions.js';
import { nameText } from './name.js';
import { SESSIONS_MAX } from './settings.js';
import { tags } from './tags.js';
import {
  backendAddress,
  hasPlainPath,
  isLoneOption,
  listed,
  loneOption,
  noneTwice,
  notAnOption,
  oneOf,
  show,
  wholeNumber,
  yesOrNo,
} from './values.js';

export const WEIGHT_MAX = 1000;
export const PRIORITY_MAX = 255;
/** What `backup` stands for. */
const BACKUP_PRIORITY = 1;
/** The one option that is a word alone. */
const BACKUP = 'backup';

/** How one is written as text. */
export const BACKEND_FORM = 'ADDRESS,name=NAME,weight=N,max-sessions=N,addresses=all,backup';

/**
 * `ADDRESS[,name=NAME][,weight=N][,max-sessions=N][,addresses=all][,backup][,priority=N]` taken apart into the object form,
 * so that one schema checks both.
 */
function splitBackend(input: unknown, context: z.RefinementCtx): unknown {
  if (typeof input !== 'string') return input;
  const [addressText = '', ...options] = input.split(',');
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (isLoneOption(addressText) || addressText === BACKUP) {
    return refuse(loneOption(input, BACKEND_FORM));
  }
  if (!hasPlainPath(addressText)) return refuse(notAnOption(addressText, BACKEND_FORM));
  const backend = new Map<string, unknown>([['address', addressText]]);
  for (const option of options) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(option) ?? [];
    const key = option === BACKUP ? option : camelCase(name);
    if (key === '' || name === BACKUP) return refuse(notAnOption(option, BACKEND_FORM));
    if (backend.has(key)) return refuse(`${name || option} is given twice`);
    backend.set(key, option === BACKUP ? true : parsedValue(key, value));
  }
  return Object.fromEntries(backend);
}

const camelCase = (name: string) =>
  name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A name is text, whatever it consists of. */
const parsedValue = (key: string, text: string) =>
  key !== 'name' && /^-?\d+$/.test(text) ? Number(text) : text;

export const backendShape = {
  name: nameText.meta({ description: backendDescriptions.name }).optional(),
  address: backendAddress.describe(backendDescriptions.address),
  weight: wholeNumber(1, WEIGHT_MAX)
    .meta({ description: backendDescriptions.weight, default: 1 })
    .optional(),
  maxSessions: wholeNumber(1, SESSIONS_MAX).describe(backendDescriptions.maxSessions).optional(),
  addresses: oneOf('a use of addresses', ['first', 'all'])
    .meta({ description: backendDescriptions.addresses, default: 'first' })
    .optional(),
  priority: wholeNumber(0, PRIORITY_MAX)
    .meta({ description: backendDescriptions.priority, default: 0 })
    .optional(),
  backup: yesOrNo.meta({ description: backendDescriptions.backup, default: false }).optional(),
  tags: tags.meta({ description: backendDescriptions.tags }).optional(),
};

const backend = z.preprocess(
  splitBackend,
  z
    .strictObject(backendShape, {
      error: ({ input }) =>
        `${show(input)} is not a backend; write "host:port" or { address, name, weight, maxSessions, addresses, priority, backup, tags }`,
    })
    .superRefine(({ priority, backup }, context) => {
      if (priority === undefined || backup === undefined) return;
      const message = `backup is priority ${BACKUP_PRIORITY}; give one of the two`;
      context.addIssue({ code: 'custom', path: [BACKUP], message });
    })
    .transform(({ name, address, weight = 1, maxSessions, addresses, ...others }) => {
      const priority = others.priority ?? (others.backup ? BACKUP_PRIORITY : 0);
      return {
        name: name ?? formatAddress(address),
        address,
        weight,
        ...(maxSessions === undefined ? {} : { maxSessions }),
        ...(addresses === undefined ? {} : { addresses }),
        ...(priority === 0 ? {} : { priority }),
        ...(others.tags === undefined ? {} : { tags: others.tags }),
      };
    }),
);

export const backends = z.preprocess(
  listed,
  z
    .array(backend, {
      error: ({ input }) =>
        input === undefined
          ? 'missing; give at least one backend address'
          : `${show(input)} is not a backend or a list of backends`,
    })
    .min(1, { error: 'the pool is empty; give at least one backend address' })
    .superRefine(noneTwice('backend', (item) => formatAddress(item.address)))
    .superRefine(noneTwice('name', (item) => item.name, 'give one of them another')),
);
