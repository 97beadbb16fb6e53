/** The flags of `serve`, and the configuration that they make, with or without a file. */
import { loadConfigFile } from '../config/file.js';
import { type ConfigPath, formatPath } from '../config/issues.js';
import type { FileOptions } from '../config/options.js';
import {
  type CommandConfig,
  defaultTexts,
  parseCommand,
  parseCommandSettings,
} from '../config/schema.js';
import { LOG_FORMATS, LOG_LEVELS } from '../config/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import { type Command, Option } from '../vendor/commander.js';

/** What commander makes of the flags; values are unchecked text but where it had a list of choices. */
export interface ServeFlags {
  readonly listen?: string[];
  readonly backend?: string[];
  readonly config?: string;
  readonly policy?: string;
  readonly engine?: string;
  readonly accept?: string;
  readonly threads?: string;
  readonly transfer?: string;
  readonly busyPoll?: string;
  readonly maxSessions?: string;
  readonly maxSessionsPerClient?: string;
  readonly connectTimeout?: string;
  readonly connectBudget?: string;
  readonly connectAttempts?: string;
  readonly abortOnClose?: boolean;
  readonly idleTimeout?: string;
  readonly halfCloseTimeout?: string;
  readonly handshakeTimeout?: string;
  readonly resolveEvery?: string;
  readonly keepAlive?: string;
  readonly drainTimeout?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

/** As the schema has it, so that the help cannot say another. */
const byDefault = (key: keyof FileOptions, meaning = ''): string =>
  `(default: ${defaultTexts.get(key)}${meaning})`;

/** Declares the flags. The schema checks their values, so that flags and files get the same messages. */
export function addServeOptions(command: Command): Command {
  addListen(command)
    .option(
      '-b, --backend <address[,option=N]>',
      'a server to balance over; its options are weight, its share (1 to 1000), max-sessions, at once, and addresses, first or all of its name; repeatable',
      collect,
    )
    .option(
      '-c, --config <file>',
      'read all this from YAML or JSON instead, - for standard input; the flags below override the file, ' +
        '--listen and --backend cannot be mixed with it',
    );
  return addSettings(command);
}

/** The demonstration has backends of its own. */
export function addDemoOptions(command: Command): Command {
  return addSettings(addListen(command));
}

function addListen(command: Command): Command {
  return command
    .optionsGroup('Where:')
    .option(
      '-l, --listen <address>',
      'accept clients here; unix:/path may have options for its socket, as in ,mode=0660,user=U,group=G; repeatable',
      collect,
    );
}

function addSettings(command: Command): Command {
  const levels = new Option(
    '--log-level <level>',
    `least important line to log ${byDefault('logLevel')}`,
  );
  const format = new Option('--log-format <format>', 'pretty when a terminal reads it, else json');
  return command
    .optionsGroup('How:')
    .option('--policy <name>', `how a backend is picked: round-robin ${byDefault('policy')}`)
    .option(
      '--engine <name>',
      `what moves the bytes: auto, native or stream ${byDefault('engine')}`,
    )
    .option(
      '--accept <name>',
      `who accepts connections: auto, native or node ${byDefault('accept')}`,
    )
    .option('--threads <number>', 'threads of the native engine (default: one for each CPU)')
    .option(
      '--transfer <name>',
      `how it moves bytes: auto, splice or copy ${byDefault('transfer')}`,
    )
    .option(
      '--busy-poll <duration>',
      `how long its idle threads poll before they sleep, as in 50us ${byDefault('busyPoll', ', off')}`,
    )
    .optionsGroup('Limits:')
    .option(
      '--max-sessions <number>',
      'at once; others wait in the kernel (default: what the file descriptors allow)',
    )
    .option(
      '--max-sessions-per-client <number>',
      'at once from one address (default: half of all, but any number from loopback)',
    )
    .option(
      '--connect-timeout <duration>',
      `for one address of a backend ${byDefault('connectTimeout')}`,
    )
    .option(
      '--connect-budget <duration>',
      'for a client to find a backend (default: three times the connect timeout)',
    )
    .option(
      '--connect-attempts <number>',
      `to connect, for one client ${byDefault('connectAttempts')}`,
    )
    .option(
      '--no-abort-on-close',
      'seek a backend for more than a second for a client that has ended its stream and sent nothing',
    )
    .option(
      '--idle-timeout <duration>',
      `for a session with no byte moving ${byDefault('idleTimeout')}`,
    )
    .option(
      '--half-close-timeout <duration>',
      `the same, after one side ended ${byDefault('halfCloseTimeout')}`,
    )
    .option(
      '--handshake-timeout <duration>',
      `the same, before the first byte ${byDefault('handshakeTimeout')}`,
    )
    .option(
      '--resolve-every <duration>',
      `for names of backends to be looked up again ${byDefault('resolveEvery')}`,
    )
    .option(
      '--keep-alive <duration>',
      `how long a peer may be silent before TCP asks it ${byDefault('keepAlive')}`,
    )
    .option(
      '--drain-timeout <duration>',
      `for live sessions to finish when stopped ${byDefault('drainTimeout')}`,
    )
    .optionsGroup('Logs, on standard error:')
    .addOption(levels.choices(LOG_LEVELS))
    .addOption(format.choices(LOG_FORMATS))
    .optionsGroup('Options:');
}

/**
 * The configuration that the flags ask for.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS`, `…_INVALID_DURATION` with
 *   the flag's name in the message, or `ERR_SPLICEWAY_CONFIG_FILE`
 */
export function configFromFlags(flags: ServeFlags): CommandConfig {
  if (flags.config !== undefined) {
    // A pool that is half in a file and half on a command line is a mistake waiting to happen.
    const mixed = flags.listen !== undefined ? '--listen' : flags.backend && '--backend';
    if (mixed !== undefined) {
      throw wrongUsage(`${mixed} cannot be combined with --config; write it into the file`);
    }
    const settings = parseCommandSettings(settingsInput(flags), (path) => flagName(path, flags));
    return { ...loadConfigFile(flags.config), ...settings };
  }
  if (flags.listen === undefined) {
    throw wrongUsage('there is nowhere to listen; add --listen, as in --listen 127.0.0.1:5555');
  }
  // A variable of a script that is empty must not become a public echo server.
  if (flags.backend === undefined) {
    throw wrongUsage(
      'there is no backend to balance over; add --backend, as in --backend 127.0.0.1:3306\n' +
        'The demonstration with backends of its own is: spliceway demo',
    );
  }
  const options = { listen: flags.listen, backends: flags.backend, ...settingsInput(flags) };
  return parseCommand(options, (path) => flagName(path, flags));
}

function settingsInput(flags: ServeFlags): Record<string, unknown> {
  const { policy, engine, accept, threads, transfer, busyPoll } = flags;
  const { maxSessions, maxSessionsPerClient } = flags;
  const {
    connectTimeout,
    connectBudget,
    connectAttempts,
    idleTimeout,
    halfCloseTimeout,
    handshakeTimeout,
  } = flags;
  const { resolveEvery, keepAlive, drainTimeout, logLevel, logFormat } = flags;
  return {
    policy,
    engine,
    accept,
    threads: numberOr(threads),
    transfer,
    busyPoll,
    maxSessions: numberOr(maxSessions),
    maxSessionsPerClient: numberOr(maxSessionsPerClient),
    connectTimeout,
    connectBudget,
    connectAttempts: numberOr(connectAttempts),
    // Without the flag, commander says true: a file may say otherwise.
    abortOnClose: flags.abortOnClose === false ? false : undefined,
    idleTimeout,
    halfCloseTimeout,
    handshakeTimeout,
    resolveEvery,
    keepAlive,
    drainTimeout,
    logLevel,
    logFormat,
  };
}

/** What is not a number goes on as text, for the schema to refuse. */
function numberOr(text: string | undefined): number | string | undefined {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : text;
}

/** `connectTimeout` is `--connect-timeout`; `backends[1].weight` is `--backend b:3306,weight=0: weight`, and so of `--listen`. */
function flagName(path: ConfigPath, flags: ServeFlags): string {
  const [option, index, ...rest] = path;
  if (option !== 'backends' && option !== 'listen') {
    return `--${formatPath(path).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  }
  const name = option === 'listen' ? 'listen' : 'backend';
  const isClear = rest.length === 0 ? name === 'listen' : rest[0] === 'address';
  if (typeof index !== 'number' || isClear) return `--${name}`;
  return [`--${name} ${flags[name]?.[index]}`, ...rest].join(': ');
}

function wrongUsage(message: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
}
