/** `spliceway events`: what was changed, and what happens from now on. */
import type { ControlClient } from '../../control/client.js';
import type { ControlChange, ControlEvent, ControlPeer } from '../../control/types.js';
import { formatOverride, isOverridden } from '../../model/overlay.js';
import { ExitStatus } from '../status.js';
import { sayLines } from './say.js';
import { paint, plain, type Style } from './terminal.js';
import { counted } from './words.js';

export interface EventsFlags {
  readonly follow?: boolean;
  readonly json?: boolean;
}

/**
 * @param flags without `follow` only changes that were made through the socket
 * @returns where it follows, when the balancer has stopped
 */
export async function events(
  client: ControlClient,
  { follow = false, json = false }: EventsFlags,
): Promise<ExitStatus> {
  const say = (event: ControlEvent) => sayLines([json ? JSON.stringify(event) : lineOf(event)]);
  const sayPast = async (upTo = Number.POSITIVE_INFINITY) => {
    const { changes } = await client.changes();
    for (const change of changes) if (change.result.generation <= upTo) say(asEvent(change));
  };
  if (!follow) {
    await sayPast();
    return ExitStatus.clean;
  }
  for await (const event of client.events()) {
    // What comes after its first line the stream has: nothing is missing, and nothing twice.
    if (event.event === 'begin') await sayPast(event.generation);
    say(event);
  }
  process.stderr.write('spliceway: the balancer has stopped\n');
  return ExitStatus.unreachable;
}

const asEvent = ({ at, method, path, peer, result }: ControlChange): ControlEvent => ({
  ...{ at, event: 'change', generation: result.generation, method, path },
  ...(peer === undefined ? {} : { peer }),
});

function lineOf(event: ControlEvent): string {
  const { text, style } = wordsOf(event);
  const at = new Date(event.at).toISOString();
  return `${paint({ text: at, style: 'dim' })}  ${paint({ text: plain(text), style })}`;
}

/** One that is not named is of all listeners, or of a balancer of an earlier version. */
const whereOf = ({
  listener,
  listenerName,
}: Extract<ControlEvent, { readonly event: 'listenerPaused' | 'listenerResumed' }>) =>
  listener === undefined ? '' : ` at ${listener} (listener ${listenerName})`;

function wordsOf(event: ControlEvent): { readonly text: string; readonly style?: Style } {
  switch (event.event) {
    case 'begin':
      return { text: `generation ${event.generation} runs`, style: 'dim' };
    case 'change':
      return {
        text: `${event.method} ${event.path} by ${whoOf(event.peer)} (generation ${event.generation})`,
      };
    case 'update': {
      const { added, removed, changed, generation } = event;
      return {
        text: `another configuration is in effect: ${added} added, ${removed} removed, ${changed} changed (generation ${generation})`,
      };
    }
    case 'override': {
      const { pool, backend, to, isGone } = event;
      const set = isOverridden(to) ? `set by hand: ${formatOverride(to)}` : 'as the options say';
      return { text: `${pool}/${backend} is ${isGone ? 'removed' : set}`, style: 'yellow' };
    }
    case 'backend': {
      const { pool, backend, from, to, reason } = event;
      return {
        text: `${pool}/${backend} is ${to}, and was ${from}: ${reason}`,
        style: to === 'up' ? 'green' : 'red',
      };
    }
    case 'backendError': {
      const { pool, backend, count, message } = event;
      const times = count === 1 ? '' : ` (${count} times)`;
      return { text: `${pool}/${backend}: ${message}${times}`, style: 'red' };
    }
    case 'noBackend':
      return { text: `a client was disconnected: ${event.message}`, style: 'red' };
    case 'rebalance': {
      const { pool, state, ended, reason } = event;
      const what = state === 'begun' ? 'begins' : `is over, ${counted(ended, 'session')} ended`;
      return { text: `rebalancing of pool ${pool} ${what}: ${reason}` };
    }
    case 'warning':
      return { text: event.message, style: 'yellow' };
    case 'listenerPaused':
      return {
        text: `accepting is paused${whereOf(event)}: ${event.reason} (${counted(event.openSessions, 'session')} open)`,
        style: 'red',
      };
    case 'listenerResumed':
      return {
        text: `accepting goes on${whereOf(event)} (${counted(event.openSessions, 'session')} open)`,
        style: 'green',
      };
    case 'lost':
      return { text: `${counted(event.count, 'event')} came too fast, and are lost`, style: 'red' };
    default:
      // Of a balancer of another version.
      return { text: JSON.stringify(event) };
  }
}

const whoOf = (peer: ControlPeer | undefined) =>
  peer === undefined ? 'somebody' : `user ${peer.uid}, process ${peer.pid}`;
