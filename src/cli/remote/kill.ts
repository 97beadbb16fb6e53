/** `spliceway kill`: ends sessions, once somebody has said yes. */
import type { ControlClient } from '../../control/client.js';
import type { ControlSession } from '../../control/types.js';
import { listed } from '../../model/listed.js';
import { ExitStatus } from '../status.js';
import { confirm, isAnswered } from './ask.js';
import { type FilterFlags, filterOf } from './filter.js';
import { invalid } from './numbers.js';
import { sayJson, sayLines } from './say.js';
import { plain } from './terminal.js';
import { counted, formatCount } from './words.js';

export interface KillFlags extends FilterFlags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/**
 * Ends those that were there when somebody was asked, and no others.
 *
 * @param named ids of sessions; none: those that the flags mean
 * @returns failure where one that was named is not there, or nobody said yes
 */
export async function kill(
  client: ControlClient,
  named: readonly string[],
  flags: KillFlags,
): Promise<ExitStatus> {
  const { yes = false, json = false } = flags;
  const say = (ended: number, words: string, missing = 0) => {
    if (json) sayJson({ ended, missing });
    else sayLines([words]);
  };
  const meant = await meantBy(client, named, flags);
  const ids = named.length > 0 ? [...new Set(named)] : meant.map(({ id }) => id);
  if (ids.length === 0) {
    say(0, 'no session is meant');
    return ExitStatus.clean;
  }
  if (!yes && !(await isWanted(await questionOf(client, meant, ids.length)))) {
    say(0, 'nothing was ended');
    return ExitStatus.failure;
  }
  const { ended = 0 } = await client.endSessions(ids);
  // Of a filter nobody has counted on the number; who was named and is not there is another matter, as in kill(1).
  const missing = named.length > 0 ? ids.length - ended : 0;
  const rest =
    missing === 0 ? '' : `; ${formatCount(missing)} of those named had left, or never was there`;
  say(ended, `${counted(ended, 'session')} ended${rest}`, missing);
  return missing === 0 ? ExitStatus.clean : ExitStatus.failure;
}

async function meantBy(
  client: ControlClient,
  named: readonly string[],
  flags: FilterFlags,
): Promise<readonly ControlSession[]> {
  const filter = await filterOf(client, flags);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (named.length > 0 && isFiltered) {
    throw invalid('give sessions, or a filter such as --backend, and not both');
  }
  if (named.length === 0 && !isFiltered) {
    throw invalid(
      'which sessions are to end? Give their ids, as spliceway sessions shows them, or a filter such as --backend db-1',
    );
  }
  const { sessions } = await client.sessions(filter);
  return named.length > 0 ? sessions.filter(({ id }) => named.includes(id)) : sessions;
}

/** With the balancer, and how many sessions each backend has of them. */
async function questionOf(
  client: ControlClient,
  meant: readonly ControlSession[],
  count: number,
): Promise<string> {
  const { name } = await client.status();
  const counts = new Map<string, number>();
  for (const { pool = '-', backend = '-' } of meant) {
    const label = `${pool}/${backend}`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const places = [...counts].map(([label, some]) => `${formatCount(some)} at ${label}`);
  const where = places.length === 0 ? '' : ` (${listed(places)})`;
  return plain(`${counted(count, 'session')} of ${name}${where}`);
}

async function isWanted(sessions: string): Promise<boolean> {
  if (!isAnswered()) {
    throw invalid(
      `${sessions} would end, and nobody is there to be asked; say --yes if that is meant`,
    );
  }
  return await confirm(`End ${sessions}, with a reset of both sides?`);
}
