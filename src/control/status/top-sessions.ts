/** Who uses the bandwidth: the sessions and the clients that have moved the most bytes, in bounded memory however many there are. */
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';
import type { SessionInfo } from '../../session/session-info.js';
import { now } from '../../timers.js';
import { InvalidRequest } from '../problem.js';
import type { ControlSession } from '../types.js';

/** Told at most. */
const MOST_TOLD = 1000;
const DEFAULT_TOLD = 100;

/** Clients that are told apart; sessions of those that come after them count as `others`. */
const MOST_CLIENTS = 65_536;

/** A list is for all who ask so soon after each other: it looks at every session. */
const KEPT_MS = 2000;

/** One address that has sessions. */
interface TopClient {
  /** Empty for clients of Unix sockets. */
  readonly address: string;
  readonly sessions: number;
  readonly bytesUpstream: number;
  readonly bytesDownstream: number;
}

/** The answer to `GET /api/v1/sessions`. */
export interface TopSessionsAnswer {
  /** When it was looked: milliseconds since 1970. */
  readonly at: number;
  /** How many there are. */
  readonly count: number;
  /** Those that have moved the most bytes, the first of them first. */
  readonly sessions: readonly ControlSession[];
  /** Clients whose sessions have moved the most bytes, in the same way. */
  readonly clients: readonly TopClient[];
  /** Sessions of clients beyond those that are told apart. */
  readonly others: number;
}

type Bytes = Pick<SessionInfo, 'bytesUpstream' | 'bytesDownstream'>;

export class TopSessions {
  readonly #proxy: RunningProxy;
  #looked: Promise<TopSessionsAnswer> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(proxy: RunningProxy) {
    this.#proxy = proxy;
  }

  /**
   * @param top how many of each are told; default 100
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_REQUEST`
   */
  async answer(top: string | undefined): Promise<TopSessionsAnswer> {
    const most = top === undefined ? DEFAULT_TOLD : parseTop(top);
    if (now() - this.#lookedAt > KEPT_MS) {
      this.#lookedAt = Number.POSITIVE_INFINITY;
      this.#looked = this.#look().finally(() => {
        this.#lookedAt = now();
      });
    }
    const { sessions, clients, ...rest } = (await this.#looked) as TopSessionsAnswer;
    return { ...rest, sessions: sessions.slice(0, most), clients: clients.slice(0, most) };
  }

  async #look(): Promise<TopSessionsAnswer> {
    const top = new Top<SessionInfo>();
    const clients = new Map<string, { -readonly [Key in keyof TopClient]: TopClient[Key] }>();
    let count = 0;
    let others = 0;
    await this.#proxy.visitSessions((session) => {
      count += 1;
      top.add(session);
      const { address } = session.client;
      const client = clients.get(address);
      if (client !== undefined) {
        client.sessions += 1;
        client.bytesUpstream += session.bytesUpstream;
        client.bytesDownstream += session.bytesDownstream;
      } else if (clients.size < MOST_CLIENTS) {
        const { bytesUpstream, bytesDownstream } = session;
        clients.set(address, { address, sessions: 1, bytesUpstream, bytesDownstream });
      } else others += 1;
    });
    const topClients = new Top<TopClient>();
    for (const client of clients.values()) topClients.add(client);
    return { at: Date.now(), count, sessions: top.found, clients: topClients.found, others };
  }
}

/** Keeps those that have moved the most bytes. */
class Top<Item extends Bytes> {
  #items: Item[] = [];

  add(item: Item): void {
    this.#items.push(item);
    if (this.#items.length >= 2 * MOST_TOLD) this.#items = this.found.slice(0, MOST_TOLD);
  }

  get found(): Item[] {
    return this.#items.sort((one, other) => bytesOf(other) - bytesOf(one));
  }
}

const bytesOf = ({ bytesUpstream, bytesDownstream }: Bytes) => bytesUpstream + bytesDownstream;

function parseTop(text: string): number {
  const top = Number(text);
  if (/^\d+$/.test(text) && top >= 1 && top <= MOST_TOLD) return top;
  throw new InvalidRequest(
    400,
    `?top=${text} is no number to list; write one from 1 to ${MOST_TOLD}`,
  );
}
