/** Signals that are not for stopping, and that people send who know other balancers. */
import { isatty } from 'node:tty';
import type { Logger } from './log.js';

const STOP = 'SIGTERM stops spliceway and lets live sessions finish';

/** What each is answered with. USR1 and USR2 are reserved for what they ask of other balancers. */
const answers = {
  // Node would listen for a debugger, whom it lets in without asking.
  SIGUSR1:
    'there are no log files to open again; it is reserved for that. node --inspect is for debugging',
  SIGUSR2:
    'there is no upgrade of a running spliceway yet; it is reserved for that. Restart it instead',
  SIGALRM: 'it means nothing to spliceway',
  SIGIO: 'it means nothing to spliceway',
  SIGVTALRM: 'it means nothing to spliceway',
} as const;

/** Of a terminal that is gone, and of its Ctrl+\. */
const answersWithoutKeyboard = {
  SIGHUP: 'there is no file to read again; that takes --config FILE',
  SIGQUIT: STOP,
} as const;

/** Of a terminal that another job has. Where one is written to, the kernel repeats them for ever to who handles them. */
const answersWithoutTerminal = {
  SIGTTIN: `listeners cannot be paused; ${STOP}`,
  SIGTTOU: `listeners cannot be paused; ${STOP}`,
} as const;

/**
 * Takes over from now on: none of them ends or stops the process, or opens it to a debugger.
 *
 * @param reload called at SIGHUP, where there is something to read again
 */
export function explainOtherSignals(log: Logger, reload?: () => void): void {
  const all = {
    ...answers,
    ...(isatty(0) ? {} : answersWithoutKeyboard),
    ...([0, 1, 2].some((descriptor) => isatty(descriptor)) ? {} : answersWithoutTerminal),
  };
  for (const [signal, answer] of Object.entries(all)) {
    if (signal === 'SIGHUP' && reload !== undefined) process.on(signal, reload);
    else process.on(signal, () => log.warn(`${signal}: ${answer}`));
  }
}
