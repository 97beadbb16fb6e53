/** How the command ends, and how it says why. */
import { CommanderError } from 'commander';
import { SplicewayError, type SplicewayErrorCode } from '../errors.js';

export const ExitStatus = {
  clean: 0,
  /** It was asked for something sensible and could not do it: a port in use, no engine. */
  failure: 1,
  /** It was asked for something wrong: unknown flags, a bad address, a bad file. */
  usage: 2,
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
  const isUsage = error instanceof SplicewayError && usageCodes.has(error.code);
  return isUsage ? ExitStatus.usage : ExitStatus.failure;
}

/** Prints `spliceway: <message> (CODE)` on standard error, a line for each line of the message. */
export function printError(error: unknown): void {
  const [message, code] = describe(error);
  for (const line of message.split('\n')) {
    process.stderr.write(`spliceway: ${line}${code === undefined ? '' : ` (${code})`}\n`);
  }
  if (error instanceof CommanderError) {
    process.stderr.write('spliceway: see spliceway --help\n');
  }
}

function describe(error: unknown): [message: string, code: string | undefined] {
  if (error instanceof CommanderError) {
    // Commander puts its suggestion on a line of its own.
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    return [message, 'ERR_SPLICEWAY_INVALID_OPTION'];
  }
  if (error instanceof SplicewayError) return [error.message, error.code];
  return [error instanceof Error ? error.message : String(error), undefined];
}
