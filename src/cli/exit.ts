/** The last thing that the command does. */
import { loadAddon } from '../engine/native/addon.js';
import type { ExitStatus } from './status.js';

/**
 * Ends the process, whatever is still open, when listeners of `exit` have done their part.
 *
 * A name server that does not answer would hold it up for half a minute, a file system that hangs for ever, and no signal
 * would help: `process.exit()` waits for the threads of libuv, and what one of them is in cannot be cancelled. Without the
 * addon it does hold it up: Node has no other end.
 */
export function exit(status: ExitStatus): never {
  // The last listener, so that the others are heard.
  process.once('exit', () => {
    if (!isInTheSystem()) return;
    const addon = loadAddon();
    if (addon.ok) addon.binding.exitAtOnce(status);
  });
  process.exit(status);
}

/** Whether a thread of libuv looks a name up, or reads or writes a file. */
function isInTheSystem(): boolean {
  const active = process.getActiveResourcesInfo();
  return active.includes('GetAddrInfoReqWrap') || active.includes('FSReqPromise');
}
