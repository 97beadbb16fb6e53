/** What doctor makes of what a balancer, its file and the kernel say. */
import { describe, expect, it } from 'vitest';
import { explain, type Told } from '../src/cli/doctor/findings.js';
import { segmentsIn } from '../src/cli/doctor/process-facts.js';
import { parseOptions } from '../src/config/schema.js';
import type { ControlStatus } from '../src/control/types.js';
import { backendTold, healthTold, listenerTold, poolTold, statusTold } from './helpers/told.js';

const files = { open: 40, most: 1000 };

interface Case {
  readonly status?: Partial<ControlStatus>;
  /** A second before; default: the same. */
  readonly before?: Partial<ControlStatus>;
  readonly options?: object;
  readonly told?: Partial<Told>;
  readonly process?: Told['after']['process'];
}

/** @returns lines of what is to be done, and others by their label */
function explained({ status = {}, before = status, options, told, process }: Case) {
  const facts = explain({
    before: { status: statusTold(before), process: { files, segments: { sent: 0, again: 0 } } },
    after: {
      status: statusTold(status),
      process: process ?? { files, segments: { sent: 5000, again: 5 } },
    },
    config: parseOptions({
      listeners: { sql: { address: ':5555', pool: 'db' } },
      pools: { db: { backends: ['10.0.1.4:3306,name=db-1', '10.0.1.5:3306,name=db-2'] } },
      ...options,
    }),
    ...{ functions: [], clients: [], file: undefined },
    ...told,
  });
  const todo = facts.filter(([label]) => label === '!').map(([, value]) => value);
  return { todo, facts: new Map(facts) };
}

const two = (one: number, other: number, more = {}) => [
  backendTold('db-1', { open: one }),
  backendTold('db-2', { open: other, ...more }),
];

describe('a balancer that runs', () => {
  it('with nothing that stands out has a line for each topic', () => {
    const { todo, facts } = explained({ status: { file: '/etc/edge.yaml' } });
    expect(todo).toEqual([]);
    expect([...facts.keys()]).toEqual([
      ...['balancer', 'file', 'sessions', 'descriptors', 'listeners', 'backends', 'local ports'],
      ...['retransmissions', 'queue', 'shares', 'verdict'],
    ]);
    expect(facts.get('verdict')).toBe('nothing stands out');
    expect(facts.get('retransmissions')).toMatch(/^0.1 % of 5,000 segments in the last second/);
  });

  it('that is near a limit is told so', () => {
    const backends = [backendTold('db-1', { open: 85 })];
    const near = explained({ status: { backends }, options: { maxSessions: 100 } });
    expect(near.facts.get('sessions')).toBe('85 open, of 100 at most');
    expect(near.todo).toEqual([expect.stringMatching(/^near maxSessions: .*Raise it/)]);
    expect(explained({ status: { backends }, options: { maxSessions: 200 } }).todo).toEqual([]);
    const full = { files: { open: 900, most: 1000 }, segments: undefined };
    expect(explained({ process: full }).todo).toEqual([
      expect.stringMatching(/^near the limit of open files: .*LimitNOFILE=/),
    ]);
    const unknown = explained({ process: { files: undefined, segments: undefined } });
    expect(unknown.facts.get('descriptors')).toMatch(/^unknown: ask as the user/);
    expect(unknown.facts.get('retransmissions')).toBe('unknown');
  });

  it('with a listener near its own limit is told so, once for all its addresses', () => {
    const listeners = (open: number) => [
      listenerTold('sql', { open: 30, maxSessions: 100 }),
      listenerTold('sql', { address: '[::1]:5555', open, maxSessions: 100 }),
      listenerTold('web', { open: 900 }),
    ];
    expect(explained({ status: { listeners: listeners(49) } }).todo).toEqual([]);
    expect(explained({ status: { listeners: listeners(50) } }).todo).toEqual([
      expect.stringMatching(/^sql has 80 sessions, of 100: near its maxSessions/),
    ]);
  });

  it('with a pool or backends near their limits is told so where nobody may wait', () => {
    const near = (pool: object, backends: ControlStatus['backends'], more: object = {}) =>
      explained({
        status: { backends, pools: [{ ...poolTold('db'), ...more }] },
        options: {
          pools: {
            db: { backends: ['10.0.1.4:3306,name=db-1', '10.0.1.5:3306,name=db-2'], ...pool },
          },
        },
      }).todo;
    const limit = { maxPoolSessions: 10 };
    expect(near({}, two(4, 3), limit)).toEqual([]);
    expect(near({}, two(4, 4), limit)).toEqual([
      expect.stringMatching(/^pool db has 8 sessions, of 10: near its maxPoolSessions/),
    ]);
    expect(near({ queue: 5 }, two(4, 4), limit)).toEqual([]);
    const some = two(4, 8, { maxSessions: 10 });
    expect(near({}, some)).toEqual([
      expect.stringMatching(/^db\/db-2 has 8 sessions, of 10: near maxSessions/),
    ]);
    expect(near({ queue: 5 }, some)).toEqual([]);
    // There one is filled after the other.
    expect(near({ policy: 'first' }, some)).toEqual([]);
    expect(near({ policy: 'first' }, some.slice(1))).toEqual([
      expect.stringMatching(/^db\/db-2 has/),
    ]);
  });

  it('whose clients find no backend is told so while that goes on', () => {
    const failed = (count: number) => ({
      sessions: { open: 1, opened: 9, failed: count, rejected: 0 },
    });
    expect(explained({ status: failed(7) }).todo).toEqual([]);
    expect(explained({ status: failed(7), before: failed(4) }).todo).toEqual([
      expect.stringMatching(/^3 clients found no backend in the last second/),
    ]);
  });

  it('whose client has many sessions is told which', () => {
    const six = (address: string, count: number) => new Array<string>(count).fill(address);
    const clients = [...six('2001:db8::1', 4), ...six('2001:db8::2:0:0:7', 5), '10.1.0.7', ''];
    const limited = explained({ told: { clients }, options: { maxSessionsPerClient: 10 } });
    expect(limited.facts.get('busiest client')).toBe('2001:db8::1, 9 sessions, of 10 at most');
    expect(limited.todo).toEqual([expect.stringMatching(/^near maxSessionsPerClient/)]);
    // Two descriptors a session, and half of those for one client.
    const usual = explained({ told: { clients } });
    expect(usual.facts.get('busiest client')).toMatch(/9 sessions, of about 250 at most$/);
    const local = explained({ told: { clients: six('127.0.0.1', 1) } });
    expect(local.facts.get('busiest client')).toBe('127.0.0.1, 1 session');
    expect(usual.todo).toEqual([]);
  });

  it('that holds clients back, or refuses them', () => {
    const paused = [listenerTold('sql', { isPaused: true, rejected: 7 })];
    const { todo, facts } = explained({
      status: { listeners: paused },
      before: { listeners: [listenerTold('sql', { rejected: 4 })] },
    });
    expect(facts.get('listeners')).toBe('1 listener; 7 clients refused so far');
    expect(todo).toEqual([
      expect.stringMatching(/^sql is paused, .*PATCH \/v1\/listeners\/sql/),
      expect.stringMatching(/^3 clients refused in the last second/),
    ]);
  });

  it('with a backend whose name has no address', () => {
    const lost = backendTold('db-1', { isUnresolved: true });
    const one = explained({ status: { backends: [lost, backendTold('db-2')] } });
    expect(one.facts.get('backends')).toBe('1 of 2 up');
    expect(one.todo).toEqual([expect.stringMatching(/^the name of db\/db-1 has no address: /)]);
  });

  it('with backends down, set aside or none at all', () => {
    const down = healthTold('down', 'connect refused ×3');
    const some = explained({
      status: { backends: [backendTold('db-1', down), backendTold('db-2')] },
    });
    expect(some.facts.get('backends')).toBe('1 of 2 up');
    expect(some.todo).toEqual([
      expect.stringMatching(
        /^db\/db-1 is down for \d+s: connect refused ×3\. See whether 10.0.1.4:3306/,
      ),
    ]);
    const aside = backendTold('db-1', { state: 'maintenance', ...down });
    const none = explained({ status: { backends: [aside] } });
    expect(none.facts.get('backends')).toBe('0 of 1 up; set aside: db/db-1 (maintenance)');
    expect(none.todo).toEqual(['pool db has no backend to pick, and its clients are disconnected']);
    const pools = { db: { backends: ['10.0.1.4:3306,name=db-1'], whenAllDown: 'try' } };
    expect(explained({ status: { backends: [aside] }, options: { pools } }).todo).toEqual([
      expect.stringMatching(
        /^pool db has no backend to pick, and only those that are down .* tried/,
      ),
    ]);
  });

  it('without local ports', () => {
    const noPort = (count: number) => ({ backends: [backendTold('db-1', { noPort: count })] });
    const { todo } = explained({ status: noPort(12), before: noPort(10) });
    expect(todo).toEqual([
      expect.stringMatching(/^none was left for db\/db-1, 12 times, 2 in the last second: widen/),
    ]);
  });

  it('on a network that loses segments', () => {
    const lossy = { files, segments: { sent: 5000, again: 100 } };
    expect(explained({ process: lossy }).todo).toEqual([
      expect.stringMatching(/^segments get lost/),
    ]);
    // Of few a part says nothing.
    const few = { files, segments: { sent: 50, again: 10 } };
    expect(explained({ process: few }).todo).toEqual([]);
  });

  it('with clients that wait for a place', () => {
    const queue = { length: 3, served: 9, timedOut: 2, refused: 1, left: 0 };
    const { todo, facts } = explained({ status: { pools: [{ ...poolTold('db'), queue }] } });
    expect(facts.get('queue')).toBe('3 clients wait for a place');
    expect(todo).toEqual([
      expect.stringMatching(/^pool db: 3 wait, 2 waited for nothing, 1 found it full\. /),
    ]);
  });

  it('whose file is wrong', () => {
    const { todo } = explained({
      status: { file: '/etc/edge.yaml' },
      told: { file: '/etc/edge.yaml:5:45: "two" is not a whole number' },
    });
    expect(todo).toEqual([expect.stringMatching(/^a reload is refused, .*edge.yaml:5:45: /)]);
  });
});

describe('shares', () => {
  const skewed = (
    backends: ControlStatus['backends'],
    pool: object = {},
    functions: string[] = [],
  ) =>
    explained({
      status: { backends },
      options: {
        pools: {
          db: { backends: ['10.0.1.4:3306,name=db-1', '10.0.1.5:3306,name=db-2'], ...pool },
        },
      },
      told: { functions },
    }).todo;

  it('are by weight', () => {
    expect(skewed(two(50, 50))).toEqual([]);
    expect(skewed(two(50, 150, { weight: 3 }))).toEqual([]);
    expect(skewed(two(150, 50, { weight: 3 }))).toEqual([
      'pool db: db/db-1 has 150 sessions, and its share is 50; db/db-2 has 50 sessions, and its share is 150. One that was away has few of the old sessions: rebalance moves sessions that rest; the policy least-connections evens out what is new',
    ]);
  });

  it('of few sessions, or by chance, say nothing', () => {
    expect(skewed(two(40, 5))).toEqual([]);
    expect(skewed(two(38, 22))).toEqual([]);
  });

  it('are not looked for where sessions have their places, or a program says them', () => {
    expect(skewed(two(200, 0), { policy: 'first' })).toEqual([]);
    expect(skewed(two(200, 0), {}, ['pools.db.policy'])).toEqual([]);
    expect(skewed(two(200, 0), { policy: 'source-hash' })).toEqual([
      expect.stringContaining('hashKey address-and-port'),
    ]);
  });

  it('leave out what stands by, is down, or is full', () => {
    const standby = { backends: ['10.0.1.4:3306,name=db-1', '10.0.1.5:3306,name=db-2,backup'] };
    expect(skewed(two(200, 0), standby)).toEqual([]);
    expect(skewed(two(200, 0, healthTold('down')))).toEqual([
      expect.stringMatching(/^db\/db-2 is/),
    ]);
    expect(skewed(two(200, 10, { maxSessions: 10 }))).toEqual([
      expect.stringMatching(/^db\/db-2 has 10 sessions, of 10: near maxSessions/),
    ]);
  });

  it('that a full one leaves over are no skew of the others', () => {
    const third = backendTold('db-3', { open: 100, maxSessions: 100, weight: 8 });
    const three = {
      backends: [3306, 3307, 3308].map((port, at) => `10.0.1.4:${port},name=db-${at + 1}`),
    };
    expect(skewed([...two(500, 500), third], three)).toEqual([
      expect.stringMatching(/^db\/db-3 has 100 sessions, of 100: near maxSessions/),
    ]);
  });
});

describe('what the kernel counts', () => {
  const snmp =
    'Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm MaxConn OutSegs RetransSegs\nTcp: 1 -1 990 10\n';

  it('has what was sent again apart from the rest', () => {
    expect(segmentsIn(snmp)).toEqual({ sent: 1000, again: 10 });
  });

  it.each(['', 'Tcp: OutSegs\n', 'Tcp: OutSegs\nTcp: 1\n', 'Tcp: x y\nTcp: 1 2\n'])(
    'is not known from %j',
    (text) => {
      expect(segmentsIn(text)).toBeUndefined();
    },
  );
});
