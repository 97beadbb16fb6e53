/** `spliceway kill`: ends sessions, once somebody has said yes. */
import type { ControlClient } from '../../control/client.js';
import { ExitStatus } from '../status.js';
import { confirm, isAnswered } from './ask.js';
import { invalid } from './numbers.js';
import { sayJson, sayLines } from './say.js';
import { type FilterFlags, filterOf } from './sessions.js';
import { counted, formatCount } from './words.js';

export interface KillFlags extends FilterFlags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/**
 * @param ids of sessions; none: those that the flags mean
 * @returns failure where one that was named is not there, or nobody said yes
 */
export async function kill(
  client: ControlClient,
  ids: readonly string[],
  flags: KillFlags,
): Promise<ExitStatus> {
  const { yes = false, json = false } = flags;
  const filter = filterOf(flags);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (ids.length > 0 && isFiltered) {
    throw invalid('give sessions, or a filter such as --backend, and not both');
  }
  if (ids.length === 0 && !isFiltered) {
    throw invalid(
      'which sessions are to end? Give their ids, as spliceway sessions shows them, or a filter such as --backend db-1',
    );
  }
  const count = ids.length > 0 ? ids.length : (await client.sessions(filter)).count;
  if (count === 0) {
    if (json) sayJson({ ended: 0 });
    else sayLines(['no session is meant']);
    return ExitStatus.clean;
  }
  if (!yes && !(await isWanted(count))) {
    sayLines(['nothing was ended']);
    return ExitStatus.failure;
  }
  const { ended = 0 } = await client.endSessions(ids.length > 0 ? ids : filter);
  // Of a filter nobody has counted on the number; who was named and is not there is another matter, as in kill(1).
  const missing = ids.length > 0 ? new Set(ids).size - ended : 0;
  const rest =
    missing === 0 ? '' : `; ${formatCount(missing)} of those named had left, or never was there`;
  if (json) sayJson({ ended });
  else sayLines([`${counted(ended, 'session')} ended${rest}`]);
  return missing === 0 ? ExitStatus.clean : ExitStatus.failure;
}

async function isWanted(count: number): Promise<boolean> {
  if (!isAnswered()) {
    throw invalid(
      `${counted(count, 'session')} would end, and nobody is there to be asked; say --yes if that is meant`,
    );
  }
  return await confirm(`End ${counted(count, 'session')}, with a reset of both sides?`);
}
