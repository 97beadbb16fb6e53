/** The sessions that live now: who they are, and their end by an operator. */
import { BlockList, isIP } from 'node:net';
import { checkOptions } from '../config/check-options.js';
import type { Engine } from '../engine/engine.js';
import type { Listing, LiveSession } from '../engine/live-session.js';
import type { Bind } from '../entrance/bind.js';
import { SplicewayError } from '../errors/catalogue.js';
import { formatResolved } from '../model/address.js';
import type { Pool } from '../pool/pool.js';
import type { SessionFilter, SessionInfo, SessionsOptions } from '../session/session-info.js';
import type { Services } from './services.js';

const KEYS = ['listener', 'pool', 'backend', 'client'] satisfies (keyof SessionFilter)[];
const OPTIONS = ['transport', 'sample'] satisfies (keyof SessionsOptions)[];
/** Of each loop. */
const MOST_SAMPLED = 1000;

/** Where a session comes from. */
interface Entry {
  /** Of the listener; `undefined` where none accepted it. */
  readonly name: string | undefined;
  readonly address: string;
  readonly pool: Pool | undefined;
}

/** Where a session is, by the names of users. */
interface Place extends Pick<SessionInfo, 'listener' | 'pool' | 'backend'> {
  /** Of the listener. */
  readonly name: string | undefined;
}

export class LiveSessions {
  readonly #engine: Engine;
  readonly #services: Services;

  constructor(engine: Engine, services: Services) {
    this.#engine = engine;
    this.#services = services;
  }

  async list(filter: SessionFilter, options: SessionsOptions): Promise<SessionInfo[]> {
    checkFilter('sessions()', filter);
    const asked = checkListing(options);
    const found: SessionInfo[] = [];
    await this.#forEach(filter, (info) => found.push(info), asked);
    return found;
  }

  /** All of them, one at a time. */
  async visit(visit: (info: SessionInfo) => void): Promise<void> {
    await this.#forEach({}, visit);
  }

  async end(which: SessionFilter | readonly string[]): Promise<number> {
    if (isIds(which)) return this.#engine.end(which);
    checkFilter('endSessions()', which);
    if (Object.values(which).every((value) => value === undefined)) {
      throw invalid(
        'endSessions() was not told which sessions; give ids, or a filter that names a listener, a pool, a backend ' +
          'or a client',
      );
    }
    const ids: string[] = [];
    await this.#forEach(which, ({ id }) => ids.push(id));
    return this.#engine.end(ids);
  }

  async #forEach(
    filter: SessionFilter,
    visit: (info: SessionInfo) => void,
    asked?: Listing,
  ): Promise<void> {
    const isMeant = matcher(filter);
    const entries = new Map<number, Entry>();
    const entryOf = (row: number | undefined) => {
      // Not before there is a session: there may be a thousand binds.
      if (entries.size === 0) for (const [at, entry] of this.#entries()) entries.set(at, entry);
      return (row === undefined ? undefined : entries.get(row)) ?? HANDED_OVER;
    };
    await this.#engine.list((session) => {
      const place = this.#placeOf(session, entryOf(session.listener));
      // Before the rest, which takes longer: most may not be meant.
      if (isMeant(session, place)) visit(infoOf(session, place));
    }, asked);
  }

  *#entries(): IterableIterator<[row: number, entry: Entry]> {
    const { services, leavingBinds, handoffRow } = this.#services;
    const binds = [...[...services.values()].flatMap(({ binds }) => binds), ...leavingBinds];
    yield [handoffRow, HANDED_OVER];
    for (const bind of binds) yield [bind.row, entryOfBind(bind)];
  }

  #placeOf(session: LiveSession, { name, address, pool }: Entry): Place {
    const { backend: row } = session;
    const backend = row === undefined ? undefined : this.#services.backends.find(row);
    return {
      name,
      listener: address,
      pool: backend?.pool ?? this.#poolOf(session) ?? pool?.name,
      backend: backend?.name,
    };
  }

  #poolOf({ pool: number }: LiveSession): string | undefined {
    if (number === undefined) return undefined;
    for (const pool of this.#services.pools.values()) if (pool.number === number) return pool.name;
    return undefined;
  }
}

const HANDED_OVER: Entry = { name: undefined, address: 'handoff', pool: undefined };

const entryOfBind = ({ name: address, service }: Bind): Entry => ({
  name: service.name,
  address,
  pool: service.pool,
});

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` */
function checkFilter(method: string, filter: SessionFilter): void {
  checkOptions(method, filter, KEYS);
  for (const [key, value] of Object.entries(filter)) {
    if (value === undefined || typeof value === 'string') continue;
    throw invalid(`${method} was given a ${key} that is not text; give its name, or its address`);
  }
}

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` */
function checkListing(options: SessionsOptions): Listing {
  checkOptions('sessions()', options, OPTIONS);
  const { transport = false, sample } = options;
  if (typeof transport !== 'boolean') {
    throw invalid(
      'sessions() was given a transport that is neither true nor false; give one of the two',
    );
  }
  if (sample === undefined) return { transport, sample };
  if (!Number.isInteger(sample) || sample < 1 || sample > MOST_SAMPLED) {
    throw invalid(
      `sessions() was given a sample that is no number of sessions; give one from 1 to ${MOST_SAMPLED}`,
    );
  }
  return { transport, sample };
}

function infoOf(session: LiveSession, { listener, pool, backend }: Place): SessionInfo {
  const { id, client, backendAddress, phase, idleMs, bytesUpstream, bytesDownstream, transport } =
    session;
  return {
    id,
    client,
    listener,
    pool,
    backend,
    backendAddress: backendAddress === undefined ? undefined : formatResolved(backendAddress),
    phase,
    ageMs: Math.round(session.ageMs),
    idleMs: idleMs === undefined ? undefined : Math.round(idleMs),
    bytesUpstream,
    bytesDownstream,
    ...(transport === undefined ? {} : { transport }),
  };
}

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` for what is no address of a client */
function matcher({ listener, pool, backend, client }: SessionFilter) {
  const isClient = client === undefined ? () => true : clientMatcher(client);
  return (session: LiveSession, place: Place): boolean =>
    (listener === undefined || listener === place.name || listener === place.listener) &&
    (pool === undefined || pool === place.pool) &&
    (backend === undefined || backend === place.backend) &&
    isClient(session);
}

function clientMatcher(client: string): (session: LiveSession) => boolean {
  const [, ip = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(client) ?? [];
  const family = isIP(ip);
  const bits = family === 4 ? 32 : 128;
  if (family === 0 || Number(prefix ?? bits) > bits) {
    throw invalid(
      `${JSON.stringify(client)} is no address of a client, nor of a network; write one such as 192.0.2.7 or 10.1.0.0/16`,
    );
  }
  const network = new BlockList();
  network.addSubnet(ip, Number(prefix ?? bits), nameOfFamily(family));
  return ({ client: { address } }) => {
    const found = isIP(address);
    return found !== 0 && network.check(address, nameOfFamily(found));
  };
}

const nameOfFamily = (family: number) => (family === 4 ? 'ipv4' : 'ipv6');

function isIds(which: SessionFilter | readonly string[]): which is readonly string[] {
  return Array.isArray(which);
}

function invalid(message: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
}
