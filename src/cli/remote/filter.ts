/** Which sessions are meant, by the flags of `spliceway sessions` and `kill`. */
import { didYouMean } from '../../config/suggest.js';
import type { ControlClient } from '../../control/client.js';
import type { ControlStatus } from '../../control/types.js';
import { listed } from '../../model/listed.js';
import type { SessionFilter } from '../../session/session-info.js';
import { invalid } from './numbers.js';

export interface FilterFlags {
  readonly pool?: string;
  /** A name, or `pool/backend` as the tables have it. */
  readonly backend?: string;
  readonly client?: string;
  readonly listener?: string;
}

/**
 * A name that nothing has is a mistake: nobody filters for nothing.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, and as the client
 */
export async function filterOf(client: ControlClient, flags: FilterFlags): Promise<SessionFilter> {
  const { client: address, listener } = flags;
  for (const key of ['pool', 'backend', 'client', 'listener'] as const) {
    if (flags[key] === '') throw invalid(`--${key} is empty; write a name, or leave the flag out`);
  }
  if ((flags.pool ?? flags.backend ?? listener) === undefined) return { client: address };
  const status = await client.status();
  const { pool, backend } = placeOf(flags, status);
  const known = {
    pool: status.pools.map(({ name }) => name),
    listener: [...status.listeners.flatMap(({ name, address: at }) => [name, at]), 'handoff'],
  };
  // Also one that is removed, and has sessions left.
  const backends = status.backends.filter((one) => pool === undefined || one.pool === pool);
  check('pool', pool, known.pool);
  check('listener', listener, known.listener);
  check(
    'backend',
    backend,
    backends.map(({ name }) => name),
  );
  return { pool, backend, client: address, listener };
}

function placeOf({ pool, backend }: FilterFlags, { backends }: ControlStatus) {
  const isName = backends.some(({ name }) => name === backend);
  const slash = backend?.indexOf('/') ?? -1;
  if (backend === undefined || isName || slash <= 0) return { pool, backend };
  const named = backend.slice(0, slash);
  if (pool !== undefined && pool !== named) {
    throw invalid(`--backend ${backend} is of another pool than --pool ${pool}; name one of them`);
  }
  return { pool: named, backend: backend.slice(slash + 1) };
}

function check(key: string, name: string | undefined, known: readonly string[]): void {
  if (name === undefined || known.includes(name)) return;
  const hint = didYouMean(name, known) || `; there is ${listed([...new Set(known)])}`;
  throw invalid(`--${key}: there is no ${key} ${name}${hint}`);
}
