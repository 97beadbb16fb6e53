/** `spliceway completion SHELL`, and what its scripts call. What they need is loaded when one of them is used. */
import { Argument, type Command } from '../../vendor/commander.js';

const SHELLS = ['bash', 'zsh', 'fish'];

/** Declares both. Call it when all other commands are declared. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print what makes a shell complete commands, and names of pools and backends')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .action(async (shell: string) => {
      const { scripts } = await import('./scripts.js');
      process.stdout.write(scripts[shell] ?? '');
    });
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const [{ candidatesFor }, { namesFor }] = await Promise.all([
        import('./candidates.js'),
        import('./names.js'),
      ]);
      const found = candidatesFor(program, words, await namesFor(words));
      process.stdout.write(
        found.map(({ value, description }) => `${value}\t${description}\n`).join(''),
      );
    });
}
