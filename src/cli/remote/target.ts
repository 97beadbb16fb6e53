/** Backends as people name them: `pool/backend`, or the name alone where there is one of it. */
import type { ControlClient } from '../../control/client.js';
import { SplicewayError } from '../../errors/catalogue.js';
import { listed } from '../../model/listed.js';

export interface Target {
  readonly pool: string;
  readonly backend: string;
}

/** What stands for a backend in all that is printed. */
export const labelOf = ({ pool, backend }: Target): string => `${pool}/${backend}`;

/**
 * @param text `db/db-1`, `db-1`, or an address where that is the name
 * @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_BACKEND`, and as the client
 */
export async function targetOf(client: ControlClient, text: string): Promise<Target> {
  const slash = text.indexOf('/');
  const isBoth = slash > 0 && slash < text.length - 1;
  // The path of a unix socket is no pool's.
  if (isBoth && !text.startsWith('unix:')) {
    return { pool: text.slice(0, slash), backend: text.slice(slash + 1) };
  }
  const backends = (await client.status()).backends.filter(({ state }) => state !== 'removed');
  const found = backends.filter(({ name }) => name === text);
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return { pool: only.pool, backend: text };
  const advice =
    only === undefined
      ? `no pool has it; there is ${listed(backends.map(({ pool, name }) => `${pool}/${name}`))}`
      : `pools ${listed(found.map(({ pool }) => pool))} have it; say which one, as in ${only.pool}/${text}`;
  throw new SplicewayError('ERR_SPLICEWAY_UNKNOWN_BACKEND', `backend ${text}: ${advice}`, {
    backend: text,
  });
}
