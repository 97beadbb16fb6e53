/** What stands out in a balancer that runs, each with what to do. */
import type { ProxyConfig } from '../../config/types.js';
import type { ControlStatus } from '../../control/types.js';
import { clientLimits, identityOf, isLoopback } from '../../entrance/client-limit.js';
import { listed } from '../../model/listed.js';
import { poolsWithoutBackend } from '../remote/state.js';
import { labelOf } from '../remote/target.js';
import { counted, formatAge, formatCount } from '../remote/words.js';
import { type Fact, TO_DO } from './facts.js';
import { isNear, nearInListeners, nearInPools } from './limits.js';
import type { ProcessFacts } from './process-facts.js';
import { skewOf } from './skew.js';

export interface Look {
  readonly status: ControlStatus;
  readonly process: ProcessFacts;
}

export interface Told {
  /** A second before the other one. */
  readonly before: Look;
  readonly after: Look;
  readonly config: ProxyConfig;
  /** Where its options have functions, such as `pools.db.policy`. */
  readonly functions: readonly string[];
  /** Of each session that lives, the address of its client; `''` for those of unix listeners. */
  readonly clients: readonly string[];
  /** Why a reload of its file would be refused. */
  readonly file: string | undefined;
}

/** A part of all segments: a good network is well below. */
const MANY_AGAIN = 0.01;
/** Of fewer segments in a second a part says nothing. */
const SEGMENTS_THAT_TELL = 1000;

/** @returns lines for each topic, and the verdict last */
export function explain(told: Told): Fact[] {
  const facts = [head, file, sessions, files, perClient, listeners, backends]
    .concat([ports, retransmissions, queue, skew])
    .flatMap((topic) => topic(told));
  const many = facts.filter(([label]) => label === TO_DO).length;
  const verdict =
    many === 0 ? 'nothing stands out' : `${counted(many, 'thing')} to look at, behind ${TO_DO}`;
  return [...facts, ['verdict', verdict]];
}

/** @param problems each with what to do */
const topic = (label: string, value: string, problems: readonly string[] = []): Fact[] => [
  [label, value],
  ...problems.map((problem): Fact => [TO_DO, problem]),
];

function head({ after: { status } }: Told): Fact[] {
  const { name, version, engine, pid, since, generation, isStopping } = status;
  const age = formatAge(Date.now() - since);
  return topic(
    'balancer',
    `${name}, spliceway ${version}, ${engine.name} engine, process ${pid}, up ${age}, generation ${generation}`,
    isStopping ? ['it stops, and takes no more clients; start it again if that was not meant'] : [],
  );
}

function file({ after, file: problem }: Told): Fact[] {
  const { file: name } = after.status;
  if (name === undefined) return [];
  return topic(
    'file',
    name,
    problem === undefined
      ? []
      : [`a reload is refused, and the last good configuration runs on: ${problem}`],
  );
}

function sessions({ before, after, config: { maxSessions } }: Told): Fact[] {
  const { open, failed } = after.status.sessions;
  const now = failed - before.status.sessions.failed;
  const most = maxSessions === undefined ? '' : `, of ${formatCount(maxSessions)} at most`;
  return topic('sessions', `${formatCount(open)} open${most}`, [
    ...(isNear(open, maxSessions)
      ? ['near maxSessions: at the limit listeners pause. Raise it, or lower idleTimeout']
      : []),
    ...(now > 0
      ? [`${counted(now, 'client')} found no backend in the last second: its log says why`]
      : []),
  ]);
}

function files({ after: { process } }: Told): Fact[] {
  if (process.files === undefined) {
    return topic('descriptors', 'unknown: ask as the user that it runs as, or as root');
  }
  const { open, most } = process.files;
  const limit = Number.isFinite(most) ? formatCount(most) : 'any number';
  return topic(
    'descriptors',
    `${formatCount(open)} open, of ${limit} at most`,
    isNear(open, most)
      ? [
          'near the limit of open files: listeners pause there. Raise ulimit -n, or LimitNOFILE= of its service, and start it again; a session takes two',
        ]
      : [],
  );
}

function perClient({ clients, config, after }: Told): Fact[] {
  const counts = new Map<string, { address: string; count: number }>();
  for (const address of clients.filter((text) => text !== '')) {
    const client = identityOf(address);
    const found = counts.get(client) ?? { address, count: 0 };
    counts.set(client, { address: found.address, count: found.count + 1 });
  }
  const busiest = [...counts.values()].sort((one, other) => other.count - one.count)[0];
  if (busiest === undefined) return [];
  const { address, count } = busiest;
  const most = config.maxSessions ?? (after.process.files?.most ?? 0) / 2;
  const limits = clientLimits(config, most > 0 ? Math.floor(most) : Number.POSITIVE_INFINITY);
  const limit = isLoopback(address) ? limits.loopback : limits.remote;
  const about = config.maxSessionsPerClient === undefined && config.maxSessions === undefined;
  return topic(
    'busiest client',
    `${address}, ${counted(count, 'session')}${limit === 0 ? '' : `, of ${about ? 'about ' : ''}${formatCount(limit)} at most`}`,
    limit > 0 && isNear(count, limit)
      ? [
          'near maxSessionsPerClient: more are refused. Raise it where many clients share that address, as behind a NAT or a proxy',
        ]
      : [],
  );
}

function listeners({ before, after }: Told): Fact[] {
  const all = after.status.listeners;
  const paused = [...new Set(all.filter(({ isPaused }) => isPaused).map(({ name }) => name))];
  const rejected = sumOf(all, 'rejected');
  const now = rejected - sumOf(before.status.listeners, 'rejected');
  const refused = rejected === 0 ? '' : `; ${counted(rejected, 'client')} refused so far`;
  const many = counted(new Set(all.map(({ name }) => name)).size, 'listener');
  return topic('listeners', `${many}${refused}`, [
    ...paused.map(
      (name) =>
        `${name} is paused, and its clients wait: PATCH /v1/listeners/${encodeURIComponent(name)} {"paused":false} on the control socket lets them in`,
    ),
    ...nearInListeners(after.status),
    ...(now > 0
      ? [
          `${counted(now, 'client')} refused in the last second: by maxSessionsPerClient, a filter, or as it is the balancer itself; its log says which`,
        ]
      : []),
  ]);
}

const sumOf = (rows: readonly { readonly rejected: number }[], key: 'rejected') =>
  rows.reduce((sum, row) => sum + row[key], 0);

function backends({ after: { status }, config }: Told): Fact[] {
  const all = status.backends.filter(({ state }) => state !== 'removed');
  const up = all.filter(
    ({ health, isUnresolved }) => health.status === 'up' && !isUnresolved,
  ).length;
  const ill = all.filter(
    ({ state, health: { status: is } }) =>
      state !== 'maintenance' && (is === 'down' || is === 'ejected'),
  );
  const aside = all.filter(({ state }) => state !== 'ready');
  const names = aside.map(
    ({ pool, name, state }) => `${labelOf({ pool, backend: name })} (${state})`,
  );
  const put = aside.length === 0 ? '' : `; set aside: ${listed(names)}`;
  return topic('backends', `${formatCount(up)} of ${formatCount(all.length)} up${put}`, [
    ...poolsWithoutBackend(status).map((name) => {
      const isTried = config.pools.some((one) => one.name === name && one.whenAllDown === 'try');
      return `pool ${name} has no backend to pick, and ${isTried ? 'only those that are down or ejected are tried, as whenAllDown says' : 'its clients are disconnected'}`;
    }),
    ...ill.map(({ pool, name, address, health }) => {
      const label = labelOf({ pool, backend: name });
      const since = formatAge(Date.now() - health.since);
      return `${label} is ${health.status} for ${since}: ${health.reason}. See whether ${address} answers from this machine, or set it aside: spliceway set ${label} state=maintenance`;
    }),
    ...all
      .filter(({ isUnresolved }) => isUnresolved)
      .map(
        (backend) =>
          `the name of ${labelOf({ pool: backend.pool, backend: backend.name })} has no address: see whether ${backend.address} is spelt right, and whether this machine can ask its name servers`,
      ),
    ...nearInPools(status, config),
  ]);
}

function ports({ before, after }: Told): Fact[] {
  const earlier = new Map(before.status.backends.map((one) => [keyOf(one), one.noPort]));
  const lacking = after.status.backends.filter(({ noPort }) => noPort > 0);
  if (lacking.length === 0) return topic('local ports', 'there were always some left');
  const lines = lacking.map((one) => {
    const now = one.noPort - (earlier.get(keyOf(one)) ?? 0);
    const lately = now > 0 ? `, ${formatCount(now)} in the last second` : '';
    return `none was left for ${keyOf(one)}, ${counted(one.noPort, 'time')}${lately}: widen net.ipv4.ip_local_port_range, set net.ipv4.tcp_tw_reuse to 1, or give it more source addresses (from) or more addresses`;
  });
  return topic('local ports', `ran out for ${counted(lacking.length, 'backend')}`, lines);
}

const keyOf = ({ pool, name }: ControlStatus['backends'][number]) =>
  labelOf({ pool, backend: name });

function retransmissions({ before, after }: Told): Fact[] {
  const [was, is] = [before.process.segments, after.process.segments];
  if (was === undefined || is === undefined) return topic('retransmissions', 'unknown');
  const lately = { sent: is.sent - was.sent, again: is.again - was.again };
  const isMuch = lately.sent >= SEGMENTS_THAT_TELL && lately.again >= lately.sent * MANY_AGAIN;
  return topic(
    'retransmissions',
    `${partOf(lately)} of ${formatCount(lately.sent)} segments in the last second, ${partOf(is)} since the start, over all programs of this machine`,
    isMuch
      ? ['segments get lost: look for a full link, a bad cable or a wrong MTU (ip -s link, ss -ti)']
      : [],
  );
}

const partOf = ({ sent, again }: { readonly sent: number; readonly again: number }) =>
  sent === 0 ? '0 %' : `${((again / sent) * 100).toFixed(1)} %`;

function queue({ after: { status } }: Told): Fact[] {
  const pools = status.pools.filter(
    ({ queue: { length, timedOut, refused } }) => length + timedOut + refused > 0,
  );
  const waiting = pools.reduce((sum, pool) => sum + pool.queue.length, 0);
  return topic(
    'queue',
    waiting === 0 ? 'nobody waits' : `${counted(waiting, 'client')} wait for a place`,
    pools.map(({ name, queue: { length, timedOut, refused } }) => {
      const what = [
        ...(length > 0 ? [`${formatCount(length)} wait`] : []),
        ...(timedOut > 0 ? [`${formatCount(timedOut)} waited for nothing`] : []),
        ...(refused > 0 ? [`${formatCount(refused)} found it full`] : []),
      ];
      return `pool ${name}: ${what.join(', ')}. Its backends are full: add some, or raise their maxSessions or maxPoolSessions`;
    }),
  );
}

function skew(told: Told): Fact[] {
  const found = skewOf(told.after.status, told.config, told.functions);
  return topic(
    'shares',
    found.length === 0 ? 'each backend has about its share' : 'not all have their share',
    found,
  );
}
