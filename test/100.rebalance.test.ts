/** Clients with long-lived sessions come back to a backend that was added. */
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Pool } from '../src/pool/pool.js';
import { type Load, surplusOf } from '../src/pool/rebalance.js';
import type { RebalanceEvent } from '../src/session/events.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { startServer } from './helpers/servers.js';
import { connect, readExactly, readToEnding } from './helpers/sockets.js';

const CLIENTS = 40;
const BUSY = 4;

/** Answers everything but a question mark. */
function startAnswering() {
  return startServer((socket) => {
    socket.on('data', (data) => {
      if (data.toString() !== '?') socket.write('.');
    });
    socket.on('end', () => socket.end());
  });
}

/** Comes back as often as its connection ends. */
function comeBack(proxy: RunningProxy, endings: string[]): void {
  let isOver = false;
  let socket: Socket | undefined;
  onTestFinished(() => {
    isOver = true;
    socket?.destroy();
  });
  const live = async () => {
    while (!isOver) {
      socket = await connect(portOf(proxy));
      socket.write('x');
      await readExactly(socket, 1);
      const { how } = await new Promise<{ how: string }>((resolve) => {
        socket?.once('end', () => resolve({ how: 'end' }));
        socket?.once('error', (error) => resolve({ how: error.message }));
        socket?.resume();
      });
      socket.destroy();
      if (!isOver) endings.push(how);
    }
  };
  live().catch(() => {});
}

describe.each(ways)('rebalance with %s', (way) => {
  it('has idle sessions level out when a backend is added, and ends none that is in use', async () => {
    const [a, b] = [await startAnswering(), await startAnswering()];
    const proxy = await startProxy(way, {
      backends: [{ name: 'a', address: a.address }],
      policy: 'least-connections',
      rebalance: 100,
      rebalanceIdle: '50ms',
    });
    const events: RebalanceEvent[] = [];
    proxy.on('rebalance', (event) => events.push(event));
    const open = (name: string) => rowOf(proxy, name)?.open ?? 0;
    const busy: Socket[] = [];
    for (let count = 0; count < BUSY; count += 1) {
      const client = await connect(portOf(proxy));
      client.write('?');
      busy.push(client);
      const server = await a.socket(count);
      await until('the question', () => server.bytesRead === 1);
    }
    const endings: string[] = [];
    for (let count = BUSY; count < CLIENTS; count += 1) comeBack(proxy, endings);
    await until('all sessions', () => open('a') === CLIENTS);

    await proxy.pool('default').add({ name: 'b', address: b.address });
    await until('the end of it', () => events.some(({ state }) => state === 'over'));
    await until('all to be back', () => open('a') + open('b') === CLIENTS);
    expect(Math.abs(open('a') - open('b'))).toBeLessThanOrEqual(2);
    expect(events.map(({ pool, state }) => `${pool} ${state}`)).toEqual([
      'default begun',
      'default over',
    ]);
    expect(events[1]?.reason).toBe('the load is level');
    const { rebalanced = 0 } = rowOf(proxy, 'a') ?? {};
    expect(rebalanced).toBeGreaterThanOrEqual(CLIENTS / 2 - 1);
    expect(new Set(endings)).toEqual(new Set(['end']));
    for (const [index, client] of busy.entries()) {
      a.sockets[index]?.write('!');
      expect((await readExactly(client, 1)).toString()).toBe('!');
    }
  });

  it('tells why a session has ended', async () => {
    const [a, b] = [await startAnswering(), await startAnswering()];
    const proxy = await startProxy(way, {
      backends: [{ name: 'a', address: a.address }],
      rebalance: 100,
      rebalanceIdle: 0,
    });
    const reasons: unknown[] = [];
    proxy.on('session', (session) => {
      session.on('close', ({ reason, error }) => reasons.push(`${reason} ${error?.code}`));
    });
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(portOf(proxy))));
    await until('all sessions', () => rowOf(proxy, 'a')?.open === clients.length);
    await proxy.pool('default').add({ name: 'b', address: b.address });
    const [first] = await Promise.race(clients.map(async (client) => [await readToEnding(client)]));
    expect(first?.how).toBe('end');
    await until('a reason', () => reasons.length > 0);
    expect(reasons[0]).toBe('rebalanced ERR_SPLICEWAY_SESSION_REBALANCED');
  });
});

function rowOf(proxy: RunningProxy, name: string) {
  return proxy.stats().backends.find((row) => row.name === name);
}

describe('who has too many sessions', () => {
  type Row = readonly [open: number, weight: number, most?: number];
  const loads = (...all: readonly Row[]): Load[] =>
    all.map(([open, weight, most = Number.POSITIVE_INFINITY], row) => ({
      row,
      weight,
      open,
      most,
    }));

  it.each([
    ['a new backend beside one', loads([40, 1], [0, 1]), [{ row: 0, count: 20 }]],
    ['weights', loads([40, 3], [0, 1]), [{ row: 0, count: 10 }]],
    ['the worst first', loads([10, 1], [30, 1], [2, 1]), [{ row: 1, count: 16 }]],
    ['one session', loads([21, 1], [19, 1]), []],
    ['a twentieth', loads([1050, 1], [950, 1]), []],
    ['more than a twentieth', loads([1060, 1], [940, 1]), [{ row: 0, count: 60 }]],
    ['nobody', loads([0, 1], [0, 1]), []],
    ['one that takes two', loads([40, 1], [0, 1, 2]), [{ row: 0, count: 2 }]],
    ['one that is full', loads([38, 1], [2, 1, 2]), []],
    ['the rest for the others', loads([40, 1], [2, 1, 2], [0, 1]), [{ row: 0, count: 20 }]],
    ['the rest, and then full', loads([36, 1], [0, 1, 7], [0, 4, 20]), [{ row: 0, count: 27 }]],
    ['all full', loads([30, 1, 20], [10, 1, 10]), []],
    ['fewer places than it has too many', loads([30, 1, 10], [0, 1, 5]), [{ row: 0, count: 5 }]],
  ])('%s', (_, given, expected) => {
    expect(surplusOf(given, 0, 100).ends).toEqual(expected);
  });

  it('is so many at a time, and goes by those who are not back yet', () => {
    expect(surplusOf(loads([40, 1], [0, 1]), 40, 5).ends).toEqual([{ row: 0, count: 5 }]);
    expect(surplusOf(loads([20, 1], [0, 1]), 40, 5).ends).toEqual([]);
    expect(surplusOf(loads([38, 1], [0, 1, 2]), 40, 5).ends).toEqual([]);
  });
});

describe('when it begins', () => {
  /** A pool whose last backend is new, on a clock that the test moves: the others have 40 sessions each. */
  async function begin({ perSecond = 5, backends = 2 } = {}) {
    vi.useFakeTimers();
    vi.resetModules();
    onTestFinished(() => {
      vi.useRealTimers();
      vi.resetModules();
    });
    const { Rebalancer } = await import('../src/proxy/rebalancer.js');
    const events: string[] = [];
    const ended: number[] = [];
    const figures = { open: 40, rebalanced: 0 };
    const others = Array.from({ length: backends - 2 }, () => ({ open: 40, rebalanced: 0 }));
    const fresh = { open: 0, rebalanced: 0 };
    const rows = [figures, ...others, fresh];
    const pool = {
      name: 'db',
      settings: { rebalance: { perSecond, idleMs: 10_000 }, slowStartMs: 0 },
      backends: rows.map((_, row) => ({
        row,
        weight: 1,
        priority: 0,
        isReady: true,
        isUp: true,
        maxSessions: 0,
      })),
    } as unknown as Pool;
    const swept = new Set<number>();
    const rebalancer = new Rebalancer({
      tables: {
        endIdle: (_row: number, _ms: number, count: number) => ended.push(count),
        isSwept: (row: number) => swept.has(row),
      },
      counters: { backend: (row: number) => rows[row] },
      isThere: () => true,
      tell: ({ state, reason }: RebalanceEvent) => events.push(`${state}: ${reason}`),
    } as unknown as ConstructorParameters<typeof Rebalancer>[0]);
    return { rebalancer, pool, events, ended, rows, figures, fresh, swept };
  }

  it('is when nothing has changed for a while, and it is paced', async () => {
    const { rebalancer, pool, events, ended, figures } = await begin();
    rebalancer.gained(pool);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect({ ended, events }).toEqual({ ended: [5], events: ['begun: a backend has come'] });
    figures.rebalanced = 5;
    figures.open = 35;
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).toEqual([5, 5]);
    figures.rebalanced = 20;
    figures.open = 20;
    await vi.advanceTimersByTimeAsync(1000);
    expect(events[1]).toBe('over: the load is level');
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(ended).toEqual([5, 5]);
  });

  it('is one sweep at a time, and gives up no sooner where they take long', async () => {
    const { rebalancer, pool, events, ended, figures, swept } = await begin();
    rebalancer.gained(pool);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(ended).toEqual([5]);
    swept.add(0);
    await vi.advanceTimersByTimeAsync(120_000);
    expect({ ended, events }).toEqual({ ended: [5], events: ['begun: a backend has come'] });
    swept.clear();
    Object.assign(figures, { open: 35, rebalanced: 5 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).toEqual([5, 5]);
  });

  it('is not while a backend comes and goes', async () => {
    const { rebalancer, pool, ended } = await begin();
    for (let times = 0; times < 20; times += 1) {
      rebalancer.gained(pool);
      await vi.advanceTimersByTimeAsync(20_000);
      rebalancer.lost(pool);
      await vi.advanceTimersByTimeAsync(20_000);
    }
    expect(ended).toEqual([]);
  });

  it('gives up where nobody is at rest', async () => {
    const { rebalancer, pool, events, ended } = await begin();
    rebalancer.gained(pool);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(events).toEqual(['begun: a backend has come', 'over: no session is at rest']);
    expect(ended.length).toBeLessThanOrEqual(10);
  });

  it.each([
    ['at once', [0]],
    ['after a while', [5, 10, 0]],
  ])('gives up where the clients come back to where they were, %s', async (_, away) => {
    const { rebalancer, pool, events, ended, figures } = await begin();
    rebalancer.gained(pool);
    await vi.advanceTimersByTimeAsync(30_000);
    for (let look = 0; look < 100; look += 1) {
      figures.rebalanced += 5;
      figures.open = 40 - (away[look % away.length] ?? 0);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(events).toEqual([
      'begun: a backend has come',
      'over: the clients come back to where they were',
    ]);
    expect(ended.length).toBeLessThanOrEqual(13);
  });

  it('goes on where one client in ten goes to the new one', async () => {
    const { rebalancer, pool, events, rows, fresh } = await begin({
      perSecond: 1,
      backends: 11,
    });
    rebalancer.gained(pool);
    await vi.advanceTimersByTimeAsync(30_000);
    for (let look = 1; events.length < 2 && look < 1000; look += 1) {
      const [fullest = fresh] = rows.toSorted((left, right) => right.open - left.open);
      fullest.rebalanced += 1;
      if (look % 11 === 0) {
        fullest.open -= 1;
        fresh.open += 1;
      }
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(events[1]).toBe('over: the load is level');
  });

  it('takes no more of the others than a backend with maxSessions has places for', async () => {
    const { rebalancer, pool, events, ended, figures, fresh } = await begin();
    Object.assign(pool.backends[1] ?? {}, { maxSessions: 2 });
    rebalancer.gained(pool);
    await vi.advanceTimersByTimeAsync(30_000);
    Object.assign(figures, { open: 38, rebalanced: 2 });
    fresh.open = 2;
    await vi.advanceTimersByTimeAsync(1000);
    expect({ ended, events }).toEqual({
      ended: [2],
      events: ['begun: a backend has come', 'over: the load is level'],
    });
  });

  it('is never where it is off', async () => {
    const { rebalancer, pool, ended } = await begin();
    Object.assign(pool.settings, { rebalance: undefined });
    rebalancer.gained(pool);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(ended).toEqual([]);
  });
});
