/** The command `spliceway`: its sub-commands, its help, and how it ends. */
import { closest } from '../config/suggest.js';
import { Command, CommanderError, Help, type HelpConfiguration } from '../vendor/commander.js';
import { version } from '../version.js';
import { check } from './check.js';
import { addCompletion } from './completion/completion.js';
import { demo } from './demo.js';
import { doctor } from './doctor.js';
import { addDemoOptions, addServeOptions, type ServeFlags } from './flags.js';
import { printed } from './output.js';
import { addRemoteCommands } from './remote/commands.js';
import type { InstanceFlags } from './remote/instance.js';
import { serve } from './serve.js';
import { ExitStatus, printError, statusOf } from './status.js';

const EXAMPLES = `
Addresses are host:port, :port (all interfaces), [v6]:port or unix:/path; --listen also takes fd:3, a
listening socket that the program was started with.
Durations are 500ms, 5s, 1m, 1h; 0 switches a timeout off.

Examples:
  Two databases behind one port:
    $ spliceway --listen :5555 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307
  Three quarters of the sessions for the bigger one:
    $ spliceway --listen :5555 --backend big:3306,weight=3 --backend small:3306
  From a file, with more threads than it says:
    $ spliceway --config spliceway.yaml --threads 8
  A demonstration with backends of its own, which spliceway alone is as well:
    $ spliceway demo

SIGTERM or Ctrl+C stops accepting and lets live sessions finish; a second one stops at once
(a second Ctrl+C within a quarter of a second counts as the first one's echo).
Exit status: 0 clean, 1 failure while running, 2 wrong usage or configuration, 3 no balancer answers.
`;

function createProgram(setStatus: (status: ExitStatus) => void): Command {
  const program = new Command('spliceway')
    .description('A layer-4 TCP load balancer that moves bytes inside the kernel.')
    .usage(
      '[serve] [options]\n       spliceway demo [options]\n' +
        '       spliceway check --config FILE\n       spliceway doctor',
    )
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES)
    // Errors are thrown and printed in one place, in one form.
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .hook('postAction', async (_, command) => {
      // Those have run for long, and end also where nobody reads.
      if (!['serve', 'demo'].includes(command.name())) await printed();
    });

  const serveCommand = addServeOptions(program.command('serve', { isDefault: true }))
    .description('run the load balancer (the default command)')
    .argument('[words...]')
    .usage('[options]')
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], flags: ServeFlags) => {
      if (words[0] !== undefined) throw unknownWord(words[0], program);
      // Nobody who types the name alone expects an error; with any word more, a server is meant.
      await (program.args.length === 0 ? demo(flags) : serve(flags));
    });

  addDemoOptions(program.command('demo'))
    .description('show it at work, with three backends and clients of its own')
    .usage('[options]')
    .action((flags: ServeFlags) => demo(flags));

  program
    .command('check')
    .description('validate a configuration file; exit 0, or 2 with file:line:column and the reason')
    .requiredOption(
      '-c, --config <file>',
      'the file, .yaml, .yml or .json, or - for standard input',
    )
    .action((flags: { config: string }) => check(flags.config));

  program
    .command('doctor')
    .description(
      'show what this machine allows, and what stands out in balancers that run; exit 0 when the native engine works, else 1',
    )
    .option('--name <name>', 'which balancer, where several run here')
    .option('--control <path>', 'the file of its control socket')
    .action(async (flags: InstanceFlags) => setStatus(await doctor(flags)));

  addRemoteCommands(program, setStatus);
  addCompletion(program);

  // Set after the sub-commands, which would inherit it.
  return program.configureHelp(helpOnServe(program, serveCommand));
}

/** Who asks the program itself for help is looking for the options of its default command: those come first. */
function helpOnServe(program: Command, serveCommand: Command): HelpConfiguration {
  const help = new Help();
  return {
    visibleOptions: (command) =>
      command === program
        ? [...serveCommand.options, ...help.visibleOptions(program)]
        : help.visibleOptions(command),
    // Groups stand in the order of what they are made from.
    groupItems: (_declared, visible, groupOf) => help.groupItems(visible, visible, groupOf),
    subcommandTerm: (command) => command.name(),
  };
}

/** `serve` is the default, so a mistyped sub-command arrives there as its argument. */
function unknownWord(word: string, program: Command): CommanderError {
  const names = program
    .createHelp()
    .visibleCommands(program)
    .map((command) => command.name());
  if (names.includes(word)) {
    return new CommanderError(
      ExitStatus.usage,
      'spliceway.unknownWord',
      `"${word}" stands behind a flag, and is not taken for the command; write it first, as in spliceway ${word} --name edge`,
    );
  }
  const meant = closest(word, names);
  const advice =
    meant === undefined ? `the commands are ${names.join(', ')}` : `did you mean "${meant}"?`;
  return new CommanderError(
    ExitStatus.usage,
    'spliceway.unknownWord',
    `"${word}" is neither a command nor an option; ${advice}`,
  );
}

/** Runs a command line, and says what went wrong. */
export async function run(argv: readonly string[]): Promise<ExitStatus> {
  let status: ExitStatus = ExitStatus.clean;
  const program = createProgram((result) => {
    status = result;
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    status = statusOf(error);
    if (status !== ExitStatus.clean) printError(error);
  }
  return status;
}
