/** Backends that have many more sessions, or many fewer, than their weight is of all. */
import type { PoolConfig, ProxyConfig } from '../../config/types.js';
import type { ControlBackend, ControlStatus } from '../../control/types.js';
import { isPicked } from '../remote/state.js';
import { labelOf } from '../remote/target.js';
import { counted, formatCount } from '../remote/words.js';

/** Of fewer sessions a share says nothing. */
const SESSIONS_THAT_TELL = 50;
/** So many times its share is much, and little the other way round. */
const MUCH = 1.5;
/** What chance does is about the root of a figure: so many times that is no chance. */
const SIGMAS = 3;

/** @returns a line for each pool of which that is so, with what to do */
export function skewOf(
  { backends }: ControlStatus,
  config: ProxyConfig,
  functions: readonly string[],
): string[] {
  return config.pools.flatMap((pool) => {
    const own = [`pools.${pool.name}.policy`, ...(config.form === 'short' ? ['policy'] : [])];
    // Where each client has its place, or a program has said it, shares are not by weight.
    if (pool.policy === 'first' || own.some((path) => functions.includes(path))) return [];
    const picked = backends.filter((one) => one.pool === pool.name && isPicked(one));
    const tier = lowestTier(picked, pool);
    const uneven = unevenOf(tier);
    return uneven.length === 0 ? [] : [`pool ${pool.name}: ${uneven.join('; ')}. ${advice(pool)}`];
  });
}

/** Those that come first: the others have sessions only when these had none to give. */
function lowestTier(
  backends: readonly ControlBackend[],
  { backends: configs }: PoolConfig,
): readonly ControlBackend[] {
  const priorities = new Map(configs.map(({ name, priority = 0 }) => [name, priority]));
  const of = ({ name }: ControlBackend) => priorities.get(name) ?? 0;
  const lowest = Math.min(...backends.map(of));
  return backends.filter((backend) => of(backend) === lowest);
}

/** What a full one cannot take falls to the others: it is no part of what is shared. */
function unevenOf(all: readonly ControlBackend[]): string[] {
  const backends = all.filter(({ open, maxSessions = open + 1 }) => open < maxSessions);
  const sessions = backends.reduce((sum, { open }) => sum + open, 0);
  const weights = backends.reduce((sum, { weight }) => sum + weight, 0);
  if (backends.length < 2 || sessions < SESSIONS_THAT_TELL) return [];
  return backends.flatMap(({ pool, name, open, weight }) => {
    const share = (sessions * weight) / weights;
    const chance = SIGMAS * Math.sqrt(share);
    const isMany = open > share * MUCH && open - share > chance;
    const isFew = open < share / MUCH && share - open > chance;
    if (!isMany && !isFew) return [];
    const label = labelOf({ pool, backend: name });
    return [
      `${label} has ${counted(open, 'session')}, and its share is ${formatCount(Math.round(share))}`,
    ];
  });
}

function advice({ policy, rebalance }: PoolConfig): string {
  if (policy === 'source-hash') {
    return 'Few clients have most of the sessions: hashKey address-and-port spreads those of one';
  }
  const moves =
    (rebalance ?? 0) > 0
      ? 'they come back to their share bit by bit'
      : 'rebalance moves sessions that rest';
  const fewest =
    policy === 'least-connections' ? '' : '; the policy least-connections evens out what is new';
  return `One that was away has few of the old sessions: ${moves}${fewest}`;
}
