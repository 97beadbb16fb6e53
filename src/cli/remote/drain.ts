/** `spliceway drain`: sends no new sessions to a backend, and may wait until it is empty. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlClient } from '../../control/client.js';
import type { ControlDrain } from '../../control/types.js';
import { CLEAR_LINE } from '../live-line.js';
import { ExitStatus } from '../status.js';
import { durationText, invalid } from './numbers.js';
import { sayJson, sayLines } from './say.js';
import { labelOf, type Target, targetOf } from './target.js';
import { plain, widthOf } from './terminal.js';
import { counted } from './words.js';

export interface DrainFlags {
  readonly wait?: string | boolean;
  readonly after?: string;
  readonly json?: boolean;
}

/** Between two looks at the sessions that are left. */
const LOOK_MS = 500;

/** @returns failure where the backend has sessions left after the wait */
export async function drain(
  client: ControlClient,
  text: string | undefined,
  flags: DrainFlags,
): Promise<ExitStatus> {
  const { after, json = false } = flags;
  const { named, wait } = waitOf(text, flags);
  const how = {
    ...(after === undefined ? {} : { after: durationText('--after', after) }),
    wait: typeof wait === 'string' ? durationText('--wait', wait) : wait,
  };
  const target = await targetOf(client, named);
  const { pool, backend } = target;
  const end = wait !== false && !json ? showProgress(client, target) : () => {};
  const result = await client.drain(pool, backend, how).finally(end);
  if (json) {
    sayJson(result);
  } else if (result.drain === undefined) {
    sayLines([plain(await begunOf(client, target))]);
  } else {
    sayLines([plain(ended(target, result.drain))]);
  }
  return result.drain?.isEmpty === false ? ExitStatus.failure : ExitStatus.clean;
}

/** In `drain --wait db/db-1` the target is taken for how long to wait. */
function waitOf(text: string | undefined, { wait = false }: DrainFlags) {
  const named = text ?? (typeof wait === 'string' ? wait : undefined);
  if (named === undefined) throw invalid('which backend? Name it, as in spliceway drain db/db-1');
  return { named, wait: text === undefined ? true : wait };
}

async function begunOf(client: ControlClient, target: Target): Promise<string> {
  const { open } = await client.backend(target.pool, target.backend);
  const label = labelOf(target);
  return `${label} gets no new sessions, and has ${counted(open, 'session')} left; spliceway set ${label} state=ready sends it some again`;
}

function ended(target: Target, { reason, cut }: ControlDrain): string {
  const label = labelOf(target);
  const ends = cut === 0 ? '' : ` (${counted(cut, 'session')} had to be ended)`;
  if (reason === 'empty') return `${label} is empty${ends}`;
  if (reason === 'timeout') {
    return `${label} still has sessions; it gets no new ones, and the drain goes on`;
  }
  return `the drain of ${label} was called off: it is ready again, or the balancer stops`;
}

/** Only for whoever looks: scripts wait for the last line. @returns what ends it */
function showProgress(client: ControlClient, { pool, backend }: Target): () => void {
  const { stderr } = process;
  if (!stderr.isTTY) return () => {};
  let isOver = false;
  const look = async () => {
    while (!isOver) {
      const { open } = await client.backend(pool, backend);
      if (isOver) return;
      const text = `${counted(open, 'session')} left; Ctrl+C ends the waiting, not the drain`;
      // A line that wraps could not be rewritten.
      stderr.write(CLEAR_LINE + text.slice(0, widthOf(stderr) - 1));
      await delay(LOOK_MS, undefined, { ref: false });
    }
  };
  // What is wrong with the socket the drain tells.
  void look().catch(() => {});
  return () => {
    isOver = true;
    stderr.write(CLEAR_LINE);
  };
}
