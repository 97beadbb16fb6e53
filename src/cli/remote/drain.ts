/** `spliceway drain`: sends no new sessions to a backend, and may wait until it is empty. */
import type { ControlClient } from '../../control/client.js';
import type { ControlDrain } from '../../control/types.js';
import { clearInterval, setInterval } from '../../timers.js';
import { CLEAR_LINE } from '../live-line.js';
import { ExitStatus } from '../status.js';
import { durationText } from './numbers.js';
import { sayJson, sayLines } from './say.js';
import { labelOf, type Target, targetOf } from './target.js';
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
  text: string,
  { wait = false, after, json = false }: DrainFlags,
): Promise<ExitStatus> {
  const how = {
    ...(after === undefined ? {} : { after: durationText('--after', after) }),
    wait: typeof wait === 'string' ? durationText('--wait', wait) : wait,
  };
  const target = await targetOf(client, text);
  const { pool, backend } = target;
  const end = wait !== false && !json ? showProgress(client, target) : () => {};
  const result = await client.drain(pool, backend, how).finally(end);
  if (json) {
    sayJson(result);
  } else if (result.drain === undefined) {
    sayLines([await begunOf(client, target)]);
  } else {
    sayLines([ended(target, result.drain)]);
  }
  return result.drain?.isEmpty === false ? ExitStatus.failure : ExitStatus.clean;
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
  return `the drain of ${label} was called off`;
}

/** Only for whoever looks: scripts wait for the last line. @returns what ends it */
function showProgress(client: ControlClient, { pool, backend }: Target): () => void {
  const { stderr } = process;
  if (!stderr.isTTY) return () => {};
  let isOver = false;
  const look = async () => {
    const { open } = await client.backend(pool, backend);
    if (isOver) return;
    const text = `${counted(open, 'session')} left; Ctrl+C ends the waiting, not the drain`;
    // A line that wraps could not be rewritten.
    stderr.write(CLEAR_LINE + text.slice(0, Math.max(stderr.columns - 1, 0)));
  };
  // What is wrong with the socket the drain tells.
  const timer = setInterval(() => look().catch(() => {}), LOOK_MS);
  return () => {
    isOver = true;
    clearInterval(timer);
    stderr.write(CLEAR_LINE);
  };
}
