/** Where things stand in a configuration as users write it, and where they belong. */
import { backendShape } from './backend-schema.js';
import { healthShapes, healthTypes } from './health-schema.js';
import type { ConfigPath } from './issues.js';
import { listenerShape } from './listen-schema.js';
import { namedListenerShape, namedPoolShape } from './services-schema.js';
import type { Place } from './setting.js';
import { settingKeys, settingOf } from './shapes.js';
import { didYouMean } from './suggest.js';
import type { ProxyConfig } from './types.js';
import { isPlainObject } from './values.js';

/** A path of the schema without what the user did not write. */
export function asGiven(path: ConfigPath, input: unknown): ConfigPath {
  const given: (string | number)[] = [];
  let value = input;
  for (const part of path) {
    // A single one was wrapped in a list.
    if (typeof part === 'number' && !Array.isArray(value)) continue;
    // Of a listener the text is the address itself.
    if (part === 'address' && isInListen(given) && !isPlainObject(value)) break;
    given.push(part);
    value = (value as Readonly<Record<string | number, unknown>> | null | undefined)?.[part];
  }
  return given;
}

const isInListen = ([first, , third]: ConfigPath) =>
  first === 'listen' || (first === 'listeners' && third === 'address');

/** Where a setting may be written in the long form. */
const PLACES: Readonly<Record<Place, string>> = {
  process: 'a setting of the whole process; write it at the top level',
  command: 'a setting of the command; write it at the top level',
  listener: 'a setting of a listener; write it as listeners.NAME.',
  pool: 'a setting of a pool; write it as pools.NAME.',
};

/** Suggested also where they do not belong: once it is spelt right, we know what is meant. */
const settingsOfProxies = settingKeys.filter((key) => settingOf(key).place !== 'command');

/** Keys of the short form that are no settings, and what the long form has in their place. */
const MOVED: Readonly<Record<string, string>> = {
  listen: 'this is of the short form; where listeners have names, write listeners.NAME.address',
  backends: 'they are of a pool; where pools have names, write pools.NAME.backends',
};

/**
 * What to say of a key that the schema does not know.
 *
 * @param path of the schema, to the key
 * @param known at the top level
 * @param input what the user gave
 */
export function explainKey(
  path: ConfigPath,
  known: readonly string[],
  form: ProxyConfig['form'],
  input: unknown,
) {
  const key = String(path.at(-1));
  if (path.length > 1 && path.at(-2) === 'health') return explainHealthKey(key, path, input);
  const keys = keysAt(path.slice(0, -1), known);
  const isInService = path.length === 1 || path.length === 3;
  const elsewhere = form === 'long' && isInService ? placeOf(key, known) : undefined;
  if (elsewhere !== undefined) return elsewhere;
  const words = form === 'long' ? [...keys, ...settingsOfProxies] : keys;
  return `unknown option${didYouMean(key, words) || `; the options are ${keys.join(', ')}`}`;
}

/** Of a health check, whose type says which keys it has. */
function explainHealthKey(key: string, path: ConfigPath, input: unknown): string {
  const type = healthTypes.find((one) => one === typeAt(path.slice(0, -1), input)) ?? 'function';
  const keys = Object.keys(healthShapes[type]);
  const others = healthTypes.filter((one) => Object.hasOwn(healthShapes[one], key));
  if (others.length > 0) return `not an option of ${type}, but of ${others.join(', ')}`;
  return `unknown option${didYouMean(key, keys) || `; the options of ${type} are ${keys.join(', ')}`}`;
}

/** The type of a health check, which may be all that there is of it. */
function typeAt(path: ConfigPath, input: unknown): unknown {
  let value = input;
  for (const part of path) value = (value as Readonly<Record<string, unknown>>)[part];
  return isPlainObject(value) ? (value as { type?: unknown }).type : value;
}

/** Where it belongs, when it is one that the long form has elsewhere. */
function placeOf(key: string, known: readonly string[]): string | undefined {
  const moved = Object.hasOwn(MOVED, key) ? MOVED[key] : undefined;
  if (moved !== undefined) return moved;
  const setting = settingKeys.find((one) => one === key);
  if (setting === undefined) return undefined;
  const { place } = settingOf(setting);
  // A program has no settings of the command.
  if (place === 'command' && !known.includes(key)) return undefined;
  return `this is ${PLACES[place]}${PLACES[place].endsWith('.') ? key : ''}`;
}

/** The keys of the object at a path of the schema. */
function keysAt([first, second, third]: ConfigPath, known: readonly string[]): readonly string[] {
  if (first === 'listen' || (first === 'listeners' && third === 'address')) {
    return Object.keys(listenerShape);
  }
  if (first === 'backends' || (first === 'pools' && third === 'backends')) {
    return Object.keys(backendShape);
  }
  if (first === 'listeners' && second !== undefined) return Object.keys(namedListenerShape);
  if (first === 'pools' && second !== undefined) return Object.keys(namedPoolShape);
  return known;
}
