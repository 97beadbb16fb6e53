/** From the table of settings: the schemas of a place, its defaults, and what it is once it is validated. */
import type * as z from '../vendor/zod.js';
import type { Kind, Place, Setting } from './setting.js';
import { type KeyOf, type SettingKey, settings } from './settings.js';

type Table = typeof settings;
type ValueOf<Key extends SettingKey> =
  Table[Key]['kind'] extends Kind<infer Value, infer _Unit> ? Value : never;
/** `connectTimeout` is `connectTimeoutMs` once it is validated: a number says what it counts. */
type NameOf<Key extends SettingKey> = `${Key}${Table[Key]['kind']['unit']}`;
type WithDefault = {
  [Key in SettingKey]: 'default' extends keyof Table[Key] ? Key : never;
}[SettingKey];

/** The settings of some places as users give them, each as its schema. */
export type ShapeOf<From extends Place> = {
  [Key in KeyOf<From>]: z.ZodOptional<z.ZodType<ValueOf<Key>>>;
};

/** The settings of some places that have a default, as validated. */
type DefaultsOf<From extends Place> = {
  readonly [Key in KeyOf<From> & WithDefault as NameOf<Key>]: ValueOf<Key>;
};
/** The settings of some places once they are validated, every default filled in. */
export type SettingsOf<From extends Place> = DefaultsOf<From> & {
  readonly [Key in Exclude<KeyOf<From>, WithDefault> as NameOf<Key>]?: ValueOf<Key> | undefined;
};

export const settingKeys = Object.keys(settings) as readonly SettingKey[];
/** A setting with all that one may have. */
export const settingOf = (key: SettingKey): Setting => settings[key];

/** The settings of some places, in the order of the table. */
export const keysOf = <From extends Place>(places: readonly From[]) =>
  settingKeys.filter((key) => (places as readonly Place[]).includes(settings[key].place));

/** Settings that are durations: a file and a flag have to give their unit. */
export const durationKeys: readonly string[] = settingKeys.filter(
  (key) => settings[key].kind.unit !== '',
);

/** The default of a setting as users write it, where it has a fixed one. */
export function defaultText(key: SettingKey): string | undefined {
  const { default: value } = settingOf(key);
  return value === undefined || typeof value === 'function' ? undefined : String(value);
}

/** Whether it may change while the process runs; what the process itself stands on may not. */
export function mayChange(key: SettingKey): boolean {
  const { place, fixed } = settingOf(key);
  return place !== 'process' && fixed !== true;
}

/** The schemas of the settings of some places, in the order of the table, for a `z.strictObject`. */
export function shapeOf<From extends Place>(...places: readonly From[]): ShapeOf<From> {
  const entries = keysOf(places).map((key) => [key, schemaOf(key)]);
  return Object.fromEntries(entries) as ShapeOf<From>;
}

/** With what the JSON Schema says of it. */
function schemaOf(key: SettingKey) {
  const { kind, description, unset } = settingOf(key);
  const byDefault = unset === undefined ? [] : [`Default: ${unset}.`];
  const words = [description, ...(kind.form === undefined ? [] : [kind.form]), ...byDefault];
  return kind.schema.meta({ description: words.join(' '), default: defaultText(key) }).optional();
}

/** The defaults of some places, as validated. */
export function defaultsOf<From extends Place>(...places: readonly From[]): DefaultsOf<From> {
  const entries = keysOf(places).flatMap((key) => {
    const { default: value, kind } = settingOf(key);
    if (value === undefined) return [];
    return [[key, kind.schema.parse(typeof value === 'function' ? value() : value)] as const];
  });
  return named(Object.fromEntries(entries), ...places) as unknown as DefaultsOf<From>;
}

/**
 * What was given of the settings of some places, under the names of the validated form.
 *
 * @param given as the schemas of `shapeOf` have checked it; others of its keys are left out
 */
export function named<From extends Place>(
  given: object,
  ...places: readonly From[]
): Partial<SettingsOf<From>> {
  const entries = keysOf(places)
    .map((key) => [nameOf(key), (given as Readonly<Record<string, unknown>>)[key]])
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<SettingsOf<From>>;
}

/** As `named`, every default filled in. */
export function withDefaults<From extends Place>(
  given: object,
  ...places: readonly From[]
): SettingsOf<From> {
  return { ...defaultsOf(...places), ...named(given, ...places) } as SettingsOf<From>;
}

/** Of validated settings those of some places, under the same names. */
export function settingsIn<From extends Place>(
  config: object,
  ...places: readonly From[]
): Partial<SettingsOf<From>> {
  const entries = keysOf(places)
    .map((key) => [nameOf(key), valueIn(config, key)])
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<SettingsOf<From>>;
}

/** The validated value of a setting in what has been validated. */
export function valueIn(config: object, key: SettingKey): unknown {
  return (config as Readonly<Record<string, unknown>>)[nameOf(key)];
}

const nameOf = (key: SettingKey): string => key + settings[key].kind.unit;
