/** `spliceway completion`: what a shell offers behind the words that are there, names of pools and backends included. */
import type { Command } from '../../vendor/commander.js';
import { type Completion, commanderCompletion } from '../../vendor/tab.js';
import type { Names } from './names.js';

/** Declares `completion SHELL`, and `complete`, which the scripts call. Call it when all other commands are declared. */
export function addCompletion(program: Command): void {
  const completion = commanderCompletion(program, { completionCommandName: 'completion' });
  const declared = (name: string) => program.commands.find((command) => command.name() === name);
  declared('completion')?.description(
    'print what makes a shell complete commands, and names of pools and backends',
  );
  declared('complete')?.hook('preAction', async (_, { args }) => {
    // Asked for when a shell wants some, and never else.
    const { namesFor } = await import('./names.js');
    offer(completion, await namesFor(args));
  });
}

/** By the names of flags and arguments. */
function offer(completion: Completion, names: Names): void {
  const targets = [...names.targets, ...names.pools];
  const ofArguments: Readonly<Record<string, readonly string[]>> = {
    ...{ target: names.targets, 'pool-or-target': targets },
    ...{ pool: names.pools, changes: names.changes },
  };
  const { instances: name, pools: pool, backends: backend, listeners: listener } = names;
  const ofFlags: Readonly<Record<string, readonly string[]>> = { name, pool, backend, listener };
  for (const [path, command] of completion.commands) {
    for (const argument of command.arguments.values()) {
      const values = ofArguments[argument.name];
      if (values !== undefined) argument.handler = offering(values);
    }
    // Those of a balancer that is to be started are nobody's yet.
    if (path === 'serve' || path === 'demo') continue;
    for (const option of command.options.values()) {
      const values = ofFlags[option.value];
      if (values !== undefined) option.handler = offering(values);
    }
  }
}

const offering =
  (values: readonly string[]) =>
  (add: (value: string, description: string) => void): void => {
    for (const value of values) add(value, '');
  };
