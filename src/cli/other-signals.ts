/** Signals that are not for stopping, and that people send who know other balancers. */
import type { Logger } from './log.js';

/** Takes over from now on: none of them ends the process, or opens it to a debugger. */
export function explainOtherSignals(log: Logger): void {
  // At a terminal it means that the terminal is gone, and whoever sat there.
  if (!process.stdin.isTTY) {
    process.on('SIGHUP', () =>
      log.warn('SIGHUP: nothing is reloaded; restart spliceway to have a changed configuration'),
    );
  }
  // Node would listen for a debugger, whom it lets in without asking.
  process.on('SIGUSR1', () =>
    log.warn('SIGUSR1: there are no log files to open again; node --inspect is for debugging'),
  );
}
