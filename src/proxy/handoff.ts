/** Sockets that the program has, given to a backend. */
import type { Socket } from 'node:net';
import { parseAddress } from '../config/address.js';
import { checkOptions } from '../config/check-options.js';
import { DEFAULT_NAME } from '../config/services.js';
import type { ProxyConfig } from '../config/types.js';
import { checkSocket } from '../engine/check-socket.js';
import { SplicewayError } from '../errors/catalogue.js';
import { formatAddress } from '../model/address.js';
import type { Pool } from '../pool/pool.js';
import type { ClientPick } from '../pool/selection.js';
import { checkHead } from '../session/check-head.js';
import { PoolRoute, policyRoute } from '../session/route.js';
import type { Session } from '../session/session.js';
import type { Sessions } from '../session/sessions.js';
import { backendIn, unknownPool } from './handles-of.js';
import type { HandoffOptions } from './options.js';
import type { Services } from './services.js';
import { serviceSettings } from './settings-of.js';

const optionNames = ['pool', 'backend', 'head', 'onFailure'] satisfies (keyof HandoffOptions)[];

export interface HandoffHost {
  readonly services: Services;
  readonly sessions: Sessions;
  readonly config: ProxyConfig;
}

/** Errors as `Proxy.handoff()`, but for a proxy that is closed. */
export function handOff(
  socket: Socket,
  options: HandoffOptions,
  { services, sessions, config }: HandoffHost,
): Session {
  checkOptions('handoff()', options, optionNames);
  const pool = poolFor(options.pool, services);
  const named = options.backend === undefined ? undefined : pickNamed(pool, options.backend);
  checkSocket(socket);
  if (!['close', 'return', undefined].includes(options.onFailure)) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_OPTION',
      `${JSON.stringify(options.onFailure)} is not something that onFailure may be; choose close or return`,
    );
  }
  const head = checkHead('head', socket, options.head);
  const origin = { row: services.handoffRow, listener: 'handoff', pool };
  const { connectMs, search, earlyResetMs, maxAgeMs } = pool.settings;
  return sessions.start(
    socket,
    origin,
    (client) =>
      named === undefined ? policyRoute(pool, client, origin.listener) : new PoolRoute(pool, named),
    {
      isAccepted: false,
      head,
      returnsClient: options.onFailure === 'return',
      timeouts: {
        ...{ connectMs, search, earlyResetMs, maxAgeMs },
        ...serviceSettings(config.handoff).timeouts,
      },
    },
  );
}

function poolFor(name: string | undefined, { pools }: Services): Pool {
  if (name !== undefined) {
    const pool = pools.get(name);
    if (pool === undefined) throw unknownPool(name, pools.keys());
    return pool;
  }
  const [only] = pools.size === 1 ? pools.values() : [];
  const pool = pools.get(DEFAULT_NAME) ?? only;
  if (pool !== undefined) return pool;
  throw new SplicewayError(
    'ERR_SPLICEWAY_UNKNOWN_POOL',
    `handoff() does not say which pool to pick from; give it the name of one, as in { pool: "${[...pools.keys()][0]}" }`,
  );
}

/** With a named backend only that one is tried. An address may be written in several ways. */
function pickNamed(pool: Pool, given: string): ClientPick {
  // Where backends have names of their own, a text need not be meant as an address.
  const hasNames = pool.backends.some(({ name, address }) => name !== address);
  const normalised = () => formatAddress(parseAddress(String(given), 'backend'));
  const backend = pool.find(given) ?? backendIn(pool, hasNames ? given : normalised());
  return (tried) => (tried.has(backend) || backend.isGone ? undefined : backend);
}
