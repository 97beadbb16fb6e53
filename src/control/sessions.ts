/** The sessions that live, as the control socket lists and ends them. */
import { SplicewayError } from '../errors/catalogue.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { SessionInfo } from '../session/session-info.js';
import type { ControlResult, ControlSessions, SessionsEnd } from './types.js';

/** Listed at most: some 40 MB of JSON. */
const MOST_LISTED = 100_000;

/**
 * @param query a filter, and `top`
 * @throws SplicewayError as `proxy.sessions()`
 */
export async function sessionsOf(
  proxy: RunningProxy,
  { top, ...filter }: Readonly<Record<string, string>>,
): Promise<ControlSessions> {
  const most = top === undefined ? undefined : parseTop(top);
  const found = await proxy.sessions(filter);
  if (most !== undefined) found.sort((one, other) => bytesOf(other) - bytesOf(one));
  return { count: found.length, sessions: found.slice(0, most ?? MOST_LISTED) };
}

const bytesOf = ({ bytesUpstream, bytesDownstream }: SessionInfo) =>
  bytesUpstream + bytesDownstream;

function parseTop(text: string): number {
  const top = Number(text);
  if (/^\d+$/.test(text) && top >= 1 && top <= MOST_LISTED) return top;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    `?top=${text} is no number of sessions; write one from 1 to ${MOST_LISTED}`,
  );
}

/** @throws SplicewayError as `proxy.endSessions()` */
export async function endSessions(
  proxy: RunningProxy,
  { ids, ...filter }: SessionsEnd,
): Promise<ControlResult> {
  if (ids !== undefined && Object.keys(filter).length > 0) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_OPTION',
      'ids stand by themselves: they name each session that is to end; leave the filter out, or the ids',
    );
  }
  const ended = await proxy.endSessions(ids ?? filter);
  return { generation: proxy.generation, added: [], removed: [], changed: [], ended };
}
