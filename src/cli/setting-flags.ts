/** The flags of the settings: each follows from the entry of its setting in src/config/settings.ts. */
import { inWords } from '../config/kinds.js';
import type { SettingKey } from '../config/settings.js';
import { defaultText, settingKeys, settingOf } from '../config/shapes.js';
import { type Command, Option } from '../vendor/commander.js';

/** What commander makes of them: text, and of a flag without a value whether it stands there. */
export type SettingFlags = { readonly [Key in SettingKey]?: string | boolean };

/** `connectTimeout` as the command has it: `connect-timeout`. */
export const inKebabCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** `--connect-timeout`, or `--no-abort-on-close` where the flag says the opposite of a default that is yes. */
export function flagOf(key: SettingKey): string | undefined {
  const { default: byDefault, flag } = settingOf(key);
  if (flag === undefined) return undefined;
  return `--${byDefault === true ? 'no-' : ''}${inKebabCase(key)}`;
}

/** Declares the flags, under the headings of the help. The schema checks what they are given, unless one lists its names. */
export function addSettingFlags(command: Command): Command {
  for (const key of settingKeys) {
    const { kind, flag } = settingOf(key);
    if (flag === undefined) continue;
    const value = kind.placeholder === undefined ? '' : ` <${kind.placeholder}>`;
    const option = new Option(`${flagOf(key)}${value}`, helpOf(key));
    if (flag.listsNames) option.choices(kind.names ?? []);
    command.optionsGroup(flag.group).addOption(option);
  }
  return command.optionsGroup('Options:');
}

function helpOf(key: SettingKey): string {
  const { kind, flag, unset = '' } = settingOf(key);
  if (flag?.help === undefined) return unset;
  const names = kind.names === undefined || flag.listsNames ? '' : `: ${inWords(kind.names)}`;
  return [flag.help + names, ...defaultOf(key)].join(' ');
}

function defaultOf(key: SettingKey): string[] {
  const { kind, unset } = settingOf(key);
  // A flag without a value says by its name what holds without it.
  if (kind.placeholder === undefined) return [];
  const text = defaultText(key) ?? unset;
  return text === undefined ? [] : [`(default: ${text}${text === '0' ? ', off' : ''})`];
}

/** What the flags say, as the schema takes it. */
export function settingsInput(flags: SettingFlags): Record<string, unknown> {
  return Object.fromEntries(settingKeys.map((key) => [key, inputOf(key, flags[key])]));
}

function inputOf(key: SettingKey, given: string | boolean | undefined): unknown {
  const { kind, default: byDefault } = settingOf(key);
  if (typeof given === 'string') return kind.fromFlag(given);
  // Without `--no-…`, commander says true: a file may say otherwise.
  return given === byDefault ? undefined : given;
}
