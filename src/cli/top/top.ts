/** `spliceway top`: what a balancer does, look by look, and keys that change it. */
import { parseDuration } from '../../config/duration.js';
import type { ControlClient } from '../../control/client.js';
import { durationText, invalid } from '../remote/numbers.js';
import { ExitStatus } from '../status.js';
import { once } from './once.js';
import { Watch } from './watch.js';

export interface TopFlags {
  readonly once?: boolean;
  readonly interval: string;
  readonly json?: boolean;
}

/** A terminal shows no more, and each look costs the balancer. */
const SHORTEST_MS = 100;

/** @returns when somebody has had enough of it, or at once where nobody could look */
export async function top(client: ControlClient, flags: TopFlags): Promise<ExitStatus> {
  const { interval, json = false } = flags;
  const intervalMs = parseDuration(durationText('--interval', interval));
  if (intervalMs < SHORTEST_MS) {
    throw invalid(`--interval ${interval} is too short; write ${SHORTEST_MS}ms or more`);
  }
  if (flags.once || json || !canBeDrawnOn()) await once(client, intervalMs, { json });
  else await new Watch(client, intervalMs).untilEnough();
  return ExitStatus.clean;
}

const canBeDrawnOn = () =>
  process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb';
