import type { ClientLimits, SessionTimeouts } from '../engine/engine.js';
import type { ListenerPlan, ServiceLimits } from '../engine/tables.js';
import type { ClientAddress } from '../model/client-address.js';
import type { Pool } from '../pool/pool.js';
import { CycleRoute } from '../session/cycle-route.js';
import { FilteredRoute, type Gate } from '../session/filtered-route.js';
import { type ClientRoute, policyRoute } from '../session/route.js';
import type { Origin } from '../session/sessions.js';
import type { Bind } from './bind.js';

/** What holds for the clients of a listener, beside what its pool says. */
export interface ServiceSettings {
  readonly timeouts: Pick<SessionTimeouts, 'idleMs' | 'halfCloseMs' | 'handshakeMs'>;
  readonly filter: Gate['filter'] | undefined;
  /** Over all its addresses; 0 is any number. */
  readonly maxSessions: number;
  readonly maxSessionsPerClient: number;
}

let lastNumber = 0;
function nextNumber(): number {
  lastNumber += 1;
  return lastNumber;
}

/** A listener of the configuration: a name, the addresses that it is bound to, and the pool of its clients. */
export class Service {
  readonly name: string;
  /** No other one ever has it. */
  readonly number = nextNumber();
  /** In the order of its addresses. */
  binds: readonly Bind[] = [];
  /** An operator wants no new clients at the moment. */
  isPaused = false;
  #settings: ServiceSettings;
  #pool: Pool;
  readonly #onFilterFailed: (error: Error) => void;

  constructor(
    name: string,
    settings: ServiceSettings,
    pool: Pool,
    onFilterFailed: (error: Error) => void,
  ) {
    this.name = name;
    this.#settings = settings;
    this.#pool = pool;
    this.#onFilterFailed = onFilterFailed;
  }

  get pool(): Pool {
    return this.#pool;
  }

  /** For clients who come from now on. */
  replace(settings: ServiceSettings, pool: Pool): void {
    this.#settings = settings;
    this.#pool = pool;
  }

  get timeouts(): SessionTimeouts {
    const { connectMs, search, earlyResetMs, maxAgeMs } = this.#pool.settings;
    return { connectMs, search, earlyResetMs, maxAgeMs, ...this.#settings.timeouts };
  }

  /** What the loops are told, where they accept. A filter has to hear of every client. */
  plan(clientLimits: ClientLimits): ListenerPlan {
    const picks = this.#pool.hasCycle && this.#settings.filter === undefined ? 'cycle' : 'ask';
    return {
      pool: this.#pool.number,
      picks,
      timeouts: this.timeouts,
      clientLimits,
      serviceLimits: this.limits,
    };
  }

  get limits(): ServiceLimits {
    const { maxSessions, maxSessionsPerClient: most } = this.#settings;
    return { service: this.number, maxSessions, clients: { remote: most, loopback: most } };
  }

  /** Why no other session of its own begins: one clause. */
  get reached(): string {
    const { maxSessions } = this.#settings;
    const open = maxSessions === 1 ? '1 session is open' : `${maxSessions} sessions are open`;
    return `${open} at listener ${this.name}, as many as its maxSessions allows`;
  }

  originOf({ row, name }: Bind): Origin {
    return { row, listener: name, pool: this.#pool };
  }

  /** The way of a client that Node has accepted. The filter denies whom nobody knows. */
  route(client: ClientAddress, listener: string, isKnown: boolean): ClientRoute {
    return this.#filtered(policyRoute(this.#pool, client, listener), client, listener, isKnown);
  }

  /**
   * The way of a client that the loops have accepted.
   *
   * @param isAwaited they wait for a word; else they have tried all of the cycle
   */
  routeOfAccepted(client: ClientAddress, bind: Bind, isAwaited: boolean): ClientRoute {
    const isPicked = this.#pool.hasCycle || !isAwaited;
    const route = isPicked
      ? new CycleRoute(this.#pool, {
          openedAt: bind.startedAt,
          isNew: isAwaited,
          client: { client, listener: bind.name },
          poolNow: () => this.#pool,
        })
      : policyRoute(this.#pool, client, bind.name);
    return isAwaited ? this.#filtered(route, client, bind.name, true) : route;
  }

  #filtered(
    route: ClientRoute,
    client: ClientAddress,
    listener: string,
    isKnown: boolean,
  ): ClientRoute {
    const { filter } = this.#settings;
    if (filter === undefined) return route;
    const gate = {
      filter: isKnown ? filter : () => false,
      limitMs: this.#pool.settings.connectMs,
      onFailed: this.#onFilterFailed,
    };
    return new FilteredRoute(gate, { client, listener }, route);
  }
}
