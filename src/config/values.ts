/** The kinds of values that a configuration has. What `meta()` holds is for the JSON Schema alone (json-schema.ts). */
import { SplicewayError } from '../errors/catalogue.js';
import * as z from '../vendor/zod.js';
import { type AddressUse, addressForm, parseAddress } from './address.js';
import { addressPattern, NO_PATH_LETTERS } from './pattern.js';
import { didYouMean } from './suggest.js';

/** A schema around one of our parsers: its error becomes the issue, and keeps its code. */
export function parsedBy<Value>(parse: (input: unknown) => Value) {
  return z.unknown().transform((input, context): Value => {
    try {
      return parse(input);
    } catch (error) {
      if (!(error instanceof SplicewayError)) throw error;
      context.addIssue({ code: 'custom', message: error.message, params: { code: error.code } });
      return z.NEVER;
    }
  });
}

const addressBy = <Parsed>(use: AddressUse, parse: (input: string) => Parsed) =>
  parsedBy((input): Parsed => {
    if (typeof input === 'string') return parse(input);
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_ADDRESS',
      input === undefined
        ? 'the address is missing; write host:port, [v6]:port or unix:/path'
        : `${show(input)} is not an address: it is not text; write "host:port", "[v6]:port" or "unix:/path"`,
    );
  }).meta({
    type: 'string',
    pattern: addressPattern(use),
    patternErrorMessage: `write ${addressForm(use)}`,
  });
export const listenAddress = addressBy('listener', (input) => parseAddress(input));
export const backendAddress = addressBy('backend', (input) => parseAddress(input, 'backend'));

const OTHER_LETTER = new RegExp(`[${NO_PATH_LETTERS}]`);
/** Whether a text is an address that may have options behind it: the path of a Unix socket looks like none itself. */
export const hasPlainPath = (address: string) =>
  !address.startsWith('unix:') || !OTHER_LETTER.test(address);

/**
 * @param part an option, or an address whose path is not plain
 * @param form how the whole is written as text
 */
export function notAnOption(part: string, form: string): string {
  const what = part.startsWith('unix:') ? 'a path that text may have' : 'an option';
  return `${show(part)} is not ${what}; write ${form}, or { address: "unix:/path" }, whose path may have commas, white space and "?"`;
}

/**
 * Whether a text is an option without its address: what YAML makes of `[a:1,weight=2]`, and a shell of a space too many.
 * No address looks like one.
 */
export const isLoneOption = (text: string) => /^[A-Za-z-]+=/.test(text);

/** @param form as for `notAnOption` */
export function loneOption(option: string, form: string): string {
  return `${show(option)} is an option without its address; write both as one text, ${form}, which needs quotes inside brackets of YAML`;
}

export const durationBy = (parse: (input: string | number) => number, pattern: string) =>
  parsedBy((input): number => {
    if (typeof input === 'string' || typeof input === 'number') return parse(input);
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_DURATION',
      `${show(input)} is not a duration; write 500ms, 5s, 1m or 1h, or 0 for off`,
    );
  }).meta({ anyOf: durationForms(pattern) });

/** In a JSON Schema. */
export const durationForms = (pattern: string) => [
  { type: 'string', pattern, patternErrorMessage: 'write 500ms, 5s, 1m or 1h, or 0' } as const,
  // Of files, where a number has no unit; a program may give milliseconds.
  { type: 'integer', enum: [0] } as const,
];

export function wholeNumber(lowest: number, highest: number) {
  const error = (issue: { input?: unknown }) =>
    `${show(issue.input)} is not a whole number from ${lowest} to ${highest}`;
  return z.int({ error }).min(lowest, { error }).max(highest, { error });
}

export const yesOrNo = z.boolean({
  error: ({ input }) => `${show(input)} is neither true nor false`,
});

const noPath = ({ input }: { input?: unknown }) =>
  `${show(input)} is not the path of a file; write text, as in /var/lib/spliceway/state.json`;
/** No system has a path with a NUL, and none that is empty. */
export const pathText = z.string({ error: noPath }).regex(/^[^\0]+$/, { error: noPath });

export function oneOf<const Name extends string>(what: string, names: readonly Name[]) {
  return z.enum(names, {
    error: ({ input }) => {
      const hint = typeof input === 'string' ? didYouMean(input, names) : '';
      return `${show(input)} is not ${what}${hint}; choose ${names.join(' or ')}`;
    },
  });
}

/** Reports the second of two equal names in a list, at its own index. */
export function noneTwice<Item>(
  what: string,
  nameOf: (item: Item) => string | undefined,
  advice = 'remove one of them',
) {
  return (list: readonly Item[], context: z.RefinementCtx): void => {
    const firstIndex = new Map<string, number>();
    for (const [index, item] of list.entries()) {
      const name = nameOf(item);
      if (name === undefined) continue;
      const first = firstIndex.get(name);
      if (first === undefined) firstIndex.set(name, index);
      else {
        const message = `${name} is the same ${what} as the one at [${first}]; ${advice}`;
        context.addIssue({ code: 'custom', path: [index], message });
      }
    }
  };
}

export const isPlainObject = (input: unknown): input is object =>
  typeof input === 'object' && input !== null && !Array.isArray(input);

/** One text or object need not be in a list. */
export const listed = (input: unknown): unknown =>
  typeof input === 'string' || isPlainObject(input) ? [input] : input;

/** A value in a message: as JSON, on one line, not too long. */
export function show(input: unknown): string {
  if (input === undefined) return 'undefined';
  if (typeof input === 'function' || typeof input === 'symbol') return `a ${typeof input}`;
  if (typeof input === 'number' || typeof input === 'bigint') return String(input);
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object' && input !== null) return 'an object';
  const text = JSON.stringify(input);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
