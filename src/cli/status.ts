/** How the command ends, and how it says why. */
import { SplicewayError, type SplicewayErrorCode } from '../errors/catalogue.js';
import { CommanderError } from '../vendor/commander.js';
import { placeForReports } from '../version.js';
import { plain } from './remote/terminal.js';

export const ExitStatus = {
  clean: 0,
  /** It was asked for something sensible and could not do it: a port in use, no engine. */
  failure: 1,
  /** It was asked for something wrong: unknown flags, a bad address, a bad file. */
  usage: 2,
  /** No balancer was found, or it does not answer. */
  unreachable: 3,
} as const;

export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

const usageCodes: ReadonlySet<SplicewayErrorCode> = new Set([
  'ERR_SPLICEWAY_INVALID_ADDRESS',
  'ERR_SPLICEWAY_INVALID_DURATION',
  'ERR_SPLICEWAY_INVALID_OPTION',
  'ERR_SPLICEWAY_CONFIG_FILE',
]);

/** The exit status for what a command threw. Commander throws for `--help` and `--version` as well. */
export function statusOf(error: unknown): ExitStatus {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? ExitStatus.clean : ExitStatus.usage;
  }
  if (error instanceof SplicewayError && error.code === 'ERR_SPLICEWAY_CONTROL_FAILED') {
    return ExitStatus.unreachable;
  }
  const isUsage = error instanceof SplicewayError && usageCodes.has(error.code);
  return isUsage ? ExitStatus.usage : ExitStatus.failure;
}

/**
 * Prints `spliceway: <message> (CODE)` on standard error. Further lines of a message have no code;
 * indented ones are for pasting and stand alone. An error that nobody foresaw comes with its stack.
 */
export function printError(error: unknown): void {
  process.stderr.write(`${describe(error).join('\n')}\n`);
}

function describe(error: unknown): string[] {
  if (error instanceof CommanderError) {
    // Commander puts its suggestion on a line of its own.
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    const lines = withCode(message, 'ERR_SPLICEWAY_INVALID_OPTION');
    return [...lines, 'spliceway: see spliceway --help'];
  }
  if (error instanceof SplicewayError) return withCode(error.message, error.code);
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    'spliceway: this should not have happened:',
    stack,
    `spliceway: please report it at ${placeForReports}, with the lines above and what spliceway doctor prints`,
  ];
}

function withCode(message: string, code: SplicewayErrorCode): string[] {
  // A path or another balancer may say anything.
  const [first = '', ...more] = message.split('\n').map(plain);
  const rest = more.map((line) => (line.startsWith(' ') ? line : `spliceway: ${line}`));
  return [`spliceway: ${first} (${code})`, ...rest];
}
