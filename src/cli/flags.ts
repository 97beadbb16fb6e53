/** The flags of `serve`, and the configuration that they make, with or without a file. */
import { type ConfigPath, formatPath } from '../config/issues.js';
import type { ShortOptions } from '../config/options.js';
import { parseCommand, parseCommandSettings } from '../config/schema.js';
import type { CommandConfig } from '../config/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { Command } from '../vendor/commander.js';
import { ConfigSource } from './config-source.js';
import { addSettingFlags, inKebabCase, type SettingFlags, settingsInput } from './setting-flags.js';

/** What commander makes of the flags; values are unchecked text but where it had a list of choices. */
export interface ServeFlags extends SettingFlags {
  readonly listen?: string[];
  readonly backend?: string[];
  readonly config?: string;
  readonly watch?: boolean;
  readonly control?: string;
  readonly name?: string;
  readonly status?: string;
  readonly statusHost?: string[];
}

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

/** Declares the flags. The schema checks their values, so that flags and files get the same messages. */
export function addServeOptions(command: Command): Command {
  addListen(command)
    .option(
      '-b, --backend <address[,option=N]>',
      'a server to balance over; its options are name, weight, its share (1 to 1000), max-sessions, at once, addresses, first or all of its name, and backup, for want of others, or priority; repeatable',
      collect,
    )
    .option(
      '-c, --config <file>',
      'read all this from YAML or JSON instead, - for standard input; the flags below override the file, ' +
        '--listen and --backend cannot be mixed with it',
    )
    .option('-w, --watch', 'apply the file again whenever it changes, as SIGHUP does')
    .option(
      '--control <path>',
      'the file of the control socket, or off (default: a file of that name in $RUNTIME_DIRECTORY, ' +
        '$XDG_RUNTIME_DIR/spliceway or, for root, /run/spliceway)',
    )
    .option(
      '--name <name>',
      'what this balancer is called among those of this machine (default: from its first address)',
    )
    .option(
      '--status <address>',
      'tell how it is here, by HTTP, to whoever connects: /, a page for browsers, /healthz, /readyz, /metrics and /api/v1; without it, nowhere',
    )
    .option(
      '--status-host <name>',
      'a name by which the status address may be asked, beside localhost and IP addresses; repeatable',
      collect,
    );
  return addSettingFlags(command);
}

/** The demonstration has backends of its own. */
export function addDemoOptions(command: Command): Command {
  return addSettingFlags(addListen(command));
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

/**
 * The file that the flags name, with the other flags over it; nothing where they name none.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` or `…_INVALID_DURATION` with the flag's name in the message
 */
export function sourceFromFlags(flags: ServeFlags): ConfigSource | undefined {
  if (flags.config === undefined) {
    if (flags.watch) throw wrongUsage('--watch is for a file; add --config FILE');
    return undefined;
  }
  // A pool that is half in a file and half on a command line is a mistake waiting to happen.
  const mixed = flags.listen !== undefined ? '--listen' : flags.backend && '--backend';
  if (mixed !== undefined) {
    throw wrongUsage(`${mixed} cannot be combined with --config; write it into the file`);
  }
  const settings = parseCommandSettings(settingsInput(flags), (path) => flagName(path, flags));
  const source = new ConfigSource(flags.config, settings);
  if (flags.watch && !source.isReadAgain) {
    throw wrongUsage('--watch needs a file that can be read again; give --config a path');
  }
  return source;
}

/**
 * The configuration that the flags ask for by themselves, without a file.
 *
 * @param beside what no flag says
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS` or `…_INVALID_DURATION` with the flag's name
 *   in the message
 */
export function configFromFlags(
  flags: ServeFlags,
  beside: Pick<ShortOptions, 'health'> = {},
): CommandConfig {
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
  const { listen, backend: backends } = flags;
  const options = { listen, backends, ...settingsInput(flags), ...beside };
  return parseCommand(options, (path) => flagName(path, flags));
}

/** `connectTimeout` is `--connect-timeout`; `backends[1].weight` is `--backend b:3306,weight=0: weight`, and so of `--listen`. */
function flagName(path: ConfigPath, flags: ServeFlags): string {
  const [option, index, ...rest] = path;
  if (option !== 'backends' && option !== 'listen') {
    return `--${inKebabCase(formatPath(path))}`;
  }
  const name = option === 'listen' ? 'listen' : 'backend';
  const isClear = rest.length === 0 ? name === 'listen' : rest[0] === 'address';
  if (typeof index !== 'number' || isClear) return `--${name}`;
  return [`--${name} ${flags[name]?.[index]}`, ...rest].join(': ');
}

function wrongUsage(message: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
}
