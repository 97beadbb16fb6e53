/** Where a proxy listens: addresses as text or, for who may connect to a Unix socket, as objects. */

import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import * as z from '../vendor/zod.js';
import { ACCOUNT_MAX, type AccountKind, accountNumber } from './account.js';
import { listenerDescriptions } from './descriptions.js';
import { SOCKET_MODE } from './pattern.js';
import {
  hasPlainPath,
  isLoneOption,
  isPlainObject,
  listed,
  listenAddress,
  loneOption,
  noneTwice,
  notAnOption,
  parsedBy,
  show,
} from './values.js';

const mode = z
  .string({
    error: ({ input }) =>
      `${show(input)} is not a mode; quote it, so that it stays text in octal digits, as in "0660"`,
  })
  .regex(new RegExp(SOCKET_MODE), {
    error: ({ input }) => `${show(input)} is not a mode; write three octal digits, as in "0660"`,
    abort: true,
  });

const account = (kind: AccountKind) =>
  parsedBy((input) => accountNumber(kind, input)).meta({
    description: listenerDescriptions[kind],
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'integer', minimum: 0, maximum: ACCOUNT_MAX },
    ],
  });

export const listenerShape = {
  address: listenAddress.describe(listenerDescriptions.address),
  mode: mode.meta({ description: listenerDescriptions.mode }).optional(),
  user: account('user').optional(),
  group: account('group').optional(),
};

const TEXT_FORM = 'unix:/path,mode=0660,user=NAME,group=NAME';
const OPTION = /^([a-z]+)=(\S*)$/;

/**
 * `unix:/path[,mode=0660][,user=U][,group=G]` taken apart into the object form, so that one schema checks both. What is
 * not quite an option is an error and no part of the path: nobody would notice a socket that lets others in.
 */
function splitListener(input: unknown, context: z.RefinementCtx): unknown {
  if (typeof input !== 'string') return isPlainObject(input) ? input : { address: input };
  const [address = '', ...options] = input.split(',');
  if (isLoneOption(address)) {
    context.addIssue({ code: 'custom', message: loneOption(input, TEXT_FORM) });
    return z.NEVER;
  }
  const wrong = options.find((option) => !OPTION.test(option));
  // What is wrong with `host:1,host:2` is not an option.
  if (!address.startsWith('unix:') && wrong !== undefined) return { address: input };
  const mistake = hasPlainPath(address) ? wrong : address;
  if (mistake !== undefined) {
    const message = notAnOption(mistake, TEXT_FORM);
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  const listener = new Map<string, unknown>([['address', address]]);
  for (const option of options) {
    const [, key = '', value] = OPTION.exec(option) ?? [];
    if (listener.has(key)) {
      context.addIssue({ code: 'custom', message: `${key} is given twice` });
      return z.NEVER;
    }
    listener.set(key, value);
  }
  return Object.fromEntries(listener);
}

const listener = z.preprocess(
  splitListener,
  z
    .strictObject(listenerShape)
    .superRefine(({ address, mode, user, group }, context) => {
      const isOpen = mode === undefined && user === undefined && group === undefined;
      if (address.kind === 'unix' || isOpen) return;
      const message =
        address.kind === 'fd'
          ? `${formatAddress(address)} is open already; mode, user and group are set by whoever opened it`
          : `${formatAddress(address)} is not a Unix socket, and only those have a mode, a user and a group`;
      context.addIssue({ code: 'custom', message, continue: false });
    })
    .transform(({ address, mode, user, group }): ListenAddress => {
      if (address.kind !== 'unix') return address;
      const access = {
        mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
        user,
        group,
      };
      const given = Object.entries(access).filter(([, value]) => value !== undefined);
      return given.length === 0 ? address : { ...address, access: Object.fromEntries(given) };
    }),
);

export const listen = z.preprocess(
  listed,
  z
    .array(listener, {
      error: ({ input }) => `${show(input)} is not an address or a list of addresses`,
    })
    // Port 0 is any free port, so two such listeners do not collide.
    .superRefine(
      noneTwice('listener', (item) =>
        item.kind === 'tcp' && item.port === 0 ? undefined : formatAddress(item),
      ),
    ),
);
