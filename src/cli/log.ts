/** The log of the command: lines on standard error, for people or for machines. */
import type { LogFormat, LogLevel } from '../config/types.js';
import { type Logger, pino, prettyFactory } from '../vendor/pino.js';
import { LogDestination } from './log-destination.js';

export type { Logger };

const STDERR = 2;

/**
 * Makes the logger. It writes at once where it can, waits for no reader, and has no worker thread.
 *
 * @param format the default is pretty when standard error is a terminal, else JSON
 */
export function createLogger(level: LogLevel, format?: LogFormat): Logger {
  const isTerminal = process.stderr.isTTY === true;
  const chosen = format ?? (isTerminal ? 'pretty' : 'json');
  const destination = new LogDestination(STDERR);
  if (chosen === 'json') {
    return telling(
      pino({ level, timestamp: pino.stdTimeFunctions.isoTime }, destination),
      destination,
    );
  }
  const pretty = prettyFactory({
    colorize: isTerminal && process.env.NO_COLOR === undefined,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  const log = pino({ level }, { write: (line: string) => destination.write(pretty(line)) });
  return telling(log, destination);
}

/** A gap in the log is told of in the log. */
function telling(log: Logger, destination: LogDestination): Logger {
  destination.onResumed = (dropped) =>
    log.warn({ dropped }, `${dropped} lines are missing here: nobody was reading the log`);
  return log;
}
