/** The words that may stand at the end of a command line. */
import { settingKeys, settingOf } from '../../config/shapes.js';
import type { Argument, Command, Option } from '../../vendor/commander.js';
import type { Names } from './names.js';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** @param words behind the name of the program; the last one is what somebody types, and may be empty */
export function candidatesFor(
  program: Command,
  words: readonly string[],
  names: Names,
): readonly Candidate[] {
  const before = words.slice(0, -1);
  const word = words.at(-1) ?? '';
  const { command, isNamed, others } = commandIn(program, before);
  const options = command.createHelp().visibleOptions(command);
  const asked = optionAsked(options, before, word);
  const found =
    asked !== undefined
      ? valuesOf(asked.option, names, isNew(command)).map((one) => withPrefix(one, asked.prefix))
      : word.startsWith('-')
        ? options.map(({ long, description }) => ({ value: long ?? '', description }))
        : [
            ...(isNamed ? [] : namesOfCommands(program)),
            ...valuesAt(command.registeredArguments, others, names),
          ];
  // What moves the cursor of a terminal is no word.
  const isWord = (value: string) => value !== '' && !/\p{C}/u.test(value);
  return found.filter(({ value }) => isWord(value) && value.startsWith(word));
}

/** Who has no command has the default one. */
function commandIn(program: Command, words: readonly string[]) {
  const called = (name: string | undefined) => program.commands.find((one) => one.name() === name);
  const place = words.findIndex((word) => called(word) !== undefined);
  const named = called(words[place]);
  const command = named ?? called('serve') ?? program;
  const options = command.createHelp().visibleOptions(command);
  return {
    command,
    isNamed: named !== undefined,
    others: othersIn(words.slice(place + 1), options),
  };
}

/** How many words are neither flags nor their values. */
function othersIn(words: readonly string[], options: readonly Option[]): number {
  return words.filter((word, index) => {
    const flag = options.find((option) => isFlag(option, words[index - 1]));
    return !word.startsWith('-') && flag?.required !== true;
  }).length;
}

/** The flag whose value is typed, and what stands before the value in the same word. */
function optionAsked(options: readonly Option[], before: readonly string[], word: string) {
  const [, prefix = '', flag = ''] = /^((--[^=]+)=)/.exec(word) ?? [];
  const joined = options.find((option) => isFlag(option, flag) && takesValue(option));
  if (joined !== undefined) return { option: joined, prefix };
  const last = before.at(-1) ?? '';
  const option = options.find((one) => isFlag(one, last) && one.required);
  return option && { option, prefix: '' };
}

const isFlag = ({ short, long }: Option, word: string | undefined) =>
  word !== undefined && (word === short || word === long);
const takesValue = ({ required, optional }: Option) => required || optional;
const withPrefix = ({ value, description }: Candidate, prefix: string) => ({
  value: prefix + value,
  description,
});
const plainly = (values: readonly string[]) => values.map((value) => ({ value, description: '' }));

/** Names of a balancer that is to be started are nobody's yet. */
const isNew = (command: Command) => ['serve', 'demo'].includes(command.name());

function valuesOf(option: Option, names: Names, isToStart: boolean): readonly Candidate[] {
  if (option.argChoices !== undefined) return plainly(option.argChoices);
  const setting = settingKeys.find((key) => key === option.attributeName());
  if (setting !== undefined) return plainly(settingOf(setting).kind.names ?? []);
  const { instances: name, pools: pool, backends: backend, listeners: listener } = names;
  const known: Readonly<Record<string, readonly string[]>> = { name, pool, backend, listener };
  return isToStart ? [] : plainly(known[option.attributeName()] ?? []);
}

function valuesAt(
  declared: readonly Argument[],
  place: number,
  names: Names,
): readonly Candidate[] {
  const last = declared.at(-1);
  const argument = declared[place] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return [];
  if (argument.argChoices !== undefined) return plainly(argument.argChoices);
  const { targets: target, pools: pool, changes } = names;
  const known: Readonly<Record<string, readonly string[]>> = {
    ...{ target, pool, changes },
    'pool-or-target': [...target, ...pool],
  };
  return plainly(known[argument.name()] ?? []);
}

const namesOfCommands = (program: Command) =>
  program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({ value: command.name(), description: command.description() }));
