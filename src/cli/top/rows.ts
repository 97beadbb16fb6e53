/** What stands in the list: of which rows, in which order. */
import type { ControlBackend, ControlPool, ControlStatus } from '../../control/types.js';
import type { RatedSession } from '../remote/sessions.js';
import { labelOf } from '../remote/target.js';
import { bytesOf, type Figures, keyOf } from './rates.js';
import { byBytes, byRate, type ListedSessions } from './sessions.js';

export type Page = 'backends' | 'sessions';

export type Row =
  | {
      readonly kind: 'pool';
      /** Stays the same from look to look, and is no other row's. */
      readonly key: string;
      readonly pool: ControlPool;
      /** All of them, also where a filter shows some. */
      readonly backends: readonly ControlBackend[];
    }
  | { readonly kind: 'backend'; readonly key: string; readonly backend: ControlBackend }
  | { readonly kind: 'session'; readonly key: string; readonly session: RatedSession };

/** The orders of each page, the first one first. */
export const orders = {
  backends: ['pool', 'traffic', 'new sessions', 'open sessions', 'failures'],
  sessions: ['rate', 'bytes', 'age', 'client'],
} as const satisfies Record<Page, readonly string[]>;

type OrderOf<Of extends Page> = (typeof orders)[Of][number];

/** @param filter shows those that have it in their name or address; `''` shows all */
export function backendRows(
  figures: Figures,
  order: OrderOf<'backends'>,
  filter: string,
): readonly Row[] {
  const { pools, backends } = figures.status;
  const isShown = ({ pool, name, address }: ControlBackend) =>
    has(filter, labelOf({ pool, backend: name }), address);
  if (order !== 'pool') {
    const key = sortKeys[order];
    return backends
      .filter(isShown)
      .map((backend) => ({ backend, by: key(backend, figures) }))
      .sort((one, other) => other.by - one.by)
      .map(({ backend }) => rowOf(backend));
  }
  const byPool = new Map<string, ControlBackend[]>();
  for (const backend of backends) {
    const others = byPool.get(backend.pool);
    if (others === undefined) byPool.set(backend.pool, [backend]);
    else others.push(backend);
  }
  const known = pools.flatMap((pool): Row[] => {
    const all = byPool.get(pool.name) ?? [];
    byPool.delete(pool.name);
    const shown = has(filter, pool.name) ? all : all.filter(isShown);
    if (shown.length === 0 && !has(filter, pool.name)) return [];
    return [{ kind: 'pool', key: `pool ${pool.name}`, pool, backends: all }, ...shown.map(rowOf)];
  });
  // Of pools that are gone, those that have sessions left.
  return [...known, ...[...byPool.values()].flat().filter(isShown).map(rowOf)];
}

const rowOf = (backend: ControlBackend): Row => ({
  kind: 'backend',
  key: `backend ${keyOf(backend)}`,
  backend,
});

const sortKeys: Readonly<
  Record<
    Exclude<OrderOf<'backends'>, 'pool'>,
    (backend: ControlBackend, figures: Figures) => number
  >
> = {
  traffic: (backend, figures) => {
    const rates = ratesOf(backend, figures);
    return rates === undefined ? 0 : bytesOf(rates);
  },
  'new sessions': (backend, figures) => ratesOf(backend, figures)?.opened ?? 0,
  'open sessions': ({ open }) => open,
  failures: (backend, figures) =>
    // What fails now, and then what has failed most.
    (ratesOf(backend, figures)?.failed ?? 0) * 1e9 + backend.failed,
};

const ratesOf = (backend: ControlBackend, { backends }: Figures) =>
  backends.get(keyOf(backend))?.rates;

export function sessionRows(
  { sessions }: ListedSessions,
  order: OrderOf<'sessions'>,
  filter: string,
  { listeners }: ControlStatus,
): readonly Row[] {
  const names = new Map(listeners.map(({ address, name }) => [address, name]));
  // Those of a listener that is gone have its address.
  return sessions
    .map((one) => ({ ...one, listener: names.get(one.listener) ?? one.listener }))
    .filter(({ id, client, listener, pool = '-', backend = '-' }) =>
      has(filter, id, `${client.address}:${client.port}`, listener, `${pool}/${backend}`),
    )
    .sort(sessionOrders[order])
    .map((session) => ({ kind: 'session', key: session.id, session }));
}

const sessionOrders: Readonly<
  Record<OrderOf<'sessions'>, (one: RatedSession, other: RatedSession) => number>
> = {
  rate: byRate,
  bytes: byBytes,
  age: (one, other) => other.ageMs - one.ageMs,
  client: (one, other) =>
    compare(one.client.address, other.client.address) || one.client.port - other.client.port,
};

const compare = (one: string, other: string) => (one < other ? -1 : Number(one > other));

const has = (filter: string, ...texts: readonly string[]) => {
  const wanted = filter.toLowerCase();
  return texts.some((text) => text.toLowerCase().includes(wanted));
};
