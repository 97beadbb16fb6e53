/** The status address as its page sees it: figures of each second, what has happened, the last hour, and top sessions. */
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Happened } from '../src/control/status/happened.js';
import { History, STEP_MS } from '../src/control/status/history.js';
import { History as PageHistory } from '../src/control/status/page/history.js';
import { Meter } from '../src/control/status/rates.js';
import type { StatusAddress } from '../src/control/status/types.js';
import { Watchers } from '../src/control/status/watchers.js';
import { since, Windows } from '../src/control/status/windows.js';
import type { ProxyStats } from '../src/observe/stats.js';
import { connectTo } from './helpers/control.js';
import { until, within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { EventReader } from './helpers/events.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';
import { get, startStatus } from './helpers/status.js';

const SOMEWHERE = '127.0.0.1:9';

/** As soon as there is a place. */
async function openOne(status: StatusAddress): Promise<EventReader> {
  for (;;) {
    const reader = await EventReader.open(status);
    if (reader.answer.statusCode === 200) return reader;
    reader.close();
  }
}

describe.each(engines)('the stream of events with %s', (engine) => {
  it('begins with what runs, and has figures of each second', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, { backends: [`${echo.address},name=a,weight=3`] });
    const status = await startStatus(proxy, { name: 'edge' });
    const client = await openClient(portOf(proxy));
    const events = await EventReader.open(status);
    expect(events.answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const begin = await events.first('begin');
    expect(begin).toMatchObject({ name: 'edge', engine, pid: process.pid, happened: [] });
    const first = await events.first('figures');
    expect(first).toMatchObject({
      generation: 1,
      isStopping: false,
      all: { open: 1, sessions: 1 },
      listeners: [{ name: 'default', open: 1, isPaused: false, failures: 0 }],
      pools: [{ name: 'default', backends: 1, up: 1, open: 1, queued: 0 }],
      backends: [{ name: 'a', state: 'up', reason: '', weight: 3, open: 1, failures: 0 }],
      left: 0,
    });
    expect(first.pools[0].times.connect.count).toBe(1);
    expect(first.loops).toHaveLength(engine === 'native' ? 2 : 0);
    await echoed(client, 'x'.repeat(10_000));
    const moved = await events.first('figures', ({ all }) => all.upstream > 0);
    for (const row of [moved.all, moved.listeners[0], moved.pools[0], moved.backends[0]]) {
      expect(row.upstream).toBeGreaterThan(0);
    }
    const still = await events.first(
      'figures',
      ({ at, all }) => at > moved.at && all.upstream === 0,
    );
    expect(still.all.open).toBe(1);
  });

  it('tells of states, drains and configurations, also to whoever comes later', async () => {
    const proxy = await startProxy(engine, { backends: [`${SOMEWHERE},name=a`, '127.0.0.1:10'] });
    const status = await startStatus(proxy);
    const pool = proxy.pool();
    pool.backend('a').setHealth('down');
    const events = await EventReader.open(status);
    const { happened } = await events.first('begin');
    const down = { event: 'backend', pool: 'default', backend: 'a', from: 'up', to: 'down' };
    expect(happened).toHaveLength(2);
    expect(happened).toContainEqual(
      expect.objectContaining({ event: 'override', set: 'health down' }),
    );
    expect(happened).toContainEqual(expect.objectContaining({ ...down, reason: 'set by hand' }));
    void pool.backend('a').drain();
    await pool.add({ address: '127.0.0.1:11' });
    await events.first('happened', (told) =>
      told.happened.some(({ set }: { set?: string }) => set?.includes('state drain')),
    );
    const seen = () => events.seen.flatMap(({ data }) => data.happened ?? []);
    await events.first('happened', () => seen().some(({ event }) => event === 'update'));
    const numbers = seen().map(({ id }) => id);
    expect(numbers).toEqual(Array.from(numbers, (_, index) => index + 1));
    const figures = await events.first('figures', ({ backends }) => backends.length === 3);
    expect(figures.backends[0]).toMatchObject({ state: 'drain', reason: 'set by hand' });
    expect(figures.pools[0]).toMatchObject({ backends: 3, up: 2 });
  });

  it('says of a backend that is down why, but nothing that its server has said', async () => {
    const server = await startServer((socket) => {
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nS3cret'));
    });
    const health = {
      type: 'http',
      path: '/',
      body: 'well',
      interval: '300ms',
      timeout: '30s',
    } as const;
    const proxy = await startProxy(engine, {
      backends: [`${server.address},name=talks`, `${SOMEWHERE},name=silent`],
      health: { ...health, fall: 1 },
    });
    const events = await EventReader.open(await startStatus(proxy));
    const { backends } = await events.first('figures', (figures) =>
      figures.backends.every(({ state }: { state: string }) => state === 'down'),
    );
    expect(backends).toMatchObject([{ reason: 'the check failed' }, { reason: 'connect refused' }]);
    expect(JSON.stringify(proxy.stats())).toContain('S3cret');
    expect(JSON.stringify(events.seen)).not.toContain('S3cret');
  });

  it('has one place for one connection, however often that asks, and has it back', async () => {
    const status = await startStatus(await startProxy(engine, { backends: [SOMEWHERE] }));
    const { address: host, port } = status.address;
    const socket = await connectTo({ host, port });
    let said = '';
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    socket.write('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(8));
    await until('figures', () => said.includes('event: figures'));
    const others: EventReader[] = [];
    for (let count = 0; count < 7; count++) others.push(await EventReader.open(status));
    expect(others.map(({ answer }) => answer.statusCode)).toEqual(others.map(() => 200));
    socket.destroy();
    await openOne(status);
  });

  it('is for eight at a time, and ends with the address', async () => {
    const proxy = await startProxy(engine, { backends: [SOMEWHERE] });
    const status = await startStatus(proxy);
    const head = await get(status, '/api/v1/events', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    const readers: EventReader[] = [];
    for (let count = 0; count < 8; count++) readers.push(await EventReader.open(status));
    const refused = await get(status, '/api/v1/events');
    expect(refused).toMatchObject({
      status: 503,
      body: { code: 'ERR_SPLICEWAY_TOO_MANY_REQUESTS' },
    });
    readers[0]?.close();
    const next = await openOne(status);
    await next.first('figures');
    await within('the end', status.close());
    await until('the end of the stream', () => next.isOver);
  });
});

class FakeSocket extends EventEmitter {
  closed = false;

  destroy(): void {
    this.closed = true;
    this.emit('close');
  }
}

const responseOn = (socket: FakeSocket, destroy = () => {}) =>
  ({ once: () => {}, destroy, req: { socket } }) as never;

describe('what has happened', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('has pauses of one listener that come close together as one, beside all else', () => {
    const proxy = new EventEmitter();
    const happened = new Happened(proxy as never);
    onTestFinished(() => happened.close());
    proxy.emit('rebalance', { pool: 'db', state: 'begun', ended: 0 });
    const turn = (event: string, listenerName: string | undefined, openSessions: number) =>
      proxy.emit(event, { listenerName, openSessions });
    const at = Date.now();
    for (let count = 0; count < 200; count++) {
      vi.setSystemTime(at + count * 50_000);
      turn('listenerPaused', 'web', 100);
      if (count === 0) turn('listenerPaused', undefined, 300);
      turn('listenerResumed', 'web', 99);
    }
    const web = { event: 'listenerResumed', listener: 'web', at, openSessions: 99, times: 400 };
    expect(happened.after(0)).toMatchObject([
      { id: 1, event: 'rebalance' },
      { id: 2, ...web, lastAt: at + 199 * 50_000 },
      { id: 3, event: 'listenerPaused', openSessions: 300, times: 1 },
    ]);
    expect(happened.after(0)[2]).not.toHaveProperty('listener');
    const before = happened.count;
    expect(happened.after(before)).toEqual([]);
    turn('listenerPaused', 'web', 100);
    // Whoever has been told of it is told of it again.
    expect(happened.after(before)).toMatchObject([{ id: 2, event: 'listenerPaused', times: 401 }]);
    vi.setSystemTime(at + 199 * 50_000 + 60_000);
    turn('listenerResumed', 'web', 99);
    expect(happened.after(before)).toMatchObject([{ id: 2 }, { id: 4, times: 1 }]);
  });
});

describe('whoever watches', () => {
  it('has one stream on a connection, which ends with that', async () => {
    const watchers = new Watchers({ begin: () => {}, welcome: () => [], tick: () => [] });
    onTestFinished(() => watchers.close());
    const [socket, other] = [new FakeSocket(), new FakeSocket()];
    watchers.watch(responseOn(socket));
    expect(() => watchers.watch(responseOn(socket))).toThrow('or one on this connection');
    const left = watchers.watch(responseOn(other));
    await left.cancel();
    expect([watchers.count, other.listenerCount('close')]).toEqual([1, 0]);
    // Answers behind others that are not read are never closed: it is the connection that says so.
    socket.destroy();
    expect([watchers.count, socket.listenerCount('close')]).toEqual([0, 0]);
    // Nobody would say so again.
    watchers.watch(responseOn(socket));
    expect(watchers.count).toBe(0);
  });

  it('is let go where it does not read, and nobody waits for it', async () => {
    const data = 'x'.repeat(600_000);
    let ticks = 0;
    const watchers = new Watchers({
      begin: () => {},
      welcome: () => [],
      tick: () => {
        ticks += 1;
        return [{ event: 'figures', data }];
      },
    });
    onTestFinished(() => watchers.close());
    let cut = 0;
    const response = () => responseOn(new FakeSocket(), () => (cut += 1));
    const slow = watchers.watch(response());
    const reader = watchers.watch(response()).getReader();
    expect(watchers.count).toBe(2);
    // The first one is that of who comes.
    while (ticks < 4) await reader.read();
    expect([cut, watchers.count]).toEqual([1, 1]);
    await slow.cancel().catch(() => {});
    await reader.cancel();
    expect(watchers.count).toBe(0);
  });
});

/** Figures of nothing but one backend. */
function statsWith(opened: number, names = ['a']): ProxyStats {
  const row = { opened, failed: 0, bytesUpstream: opened * 10, bytesDownstream: opened * 100 };
  const backends = names.map((name) => ({ pool: 'db', name, ...row }));
  return {
    sessions: { opened, open: 0, failed: 0, rejected: 0 },
    bytes: { upstream: opened * 10, downstream: opened * 100 },
    listeners: [{ name: 'web', address: '127.0.0.1:80', ...row }],
    pools: [{ name: 'db' }],
    backends,
  } as unknown as ProxyStats;
}

const NO_COUNTS = { opened: 0, failed: 0, bytesUpstream: 0, bytesDownstream: 0 };

async function textOf(history: History) {
  let text = '';
  for await (const piece of history.json()) text += piece;
  return JSON.parse(text);
}

describe('rates', () => {
  it('are of the time between, and nothing where a count goes back or is new', () => {
    const meter = new Meter();
    expect(meter.measure(statsWith(10), 1000).size).toBe(0);
    const rates = meter.measure(statsWith(14, ['a', 'b']), 3000);
    expect(rates.get('backend db/a')).toEqual({
      opened: 2,
      failed: 0,
      upstream: 20,
      downstream: 200,
    });
    expect(rates.get('all')?.opened).toBe(2);
    expect(rates.get('listener web 127.0.0.1:80')?.downstream).toBe(200);
    expect(rates.has('backend db/b')).toBe(false);
    expect(meter.measure(statsWith(1, ['a']), 4000).get('backend db/a')?.opened).toBe(0);
  });
});

describe('the rate of a pool', () => {
  it('goes on when one that was removed has lost its last session', () => {
    const meter = new Meter();
    const replaced = { state: 'removed', isReplaced: true };
    const measure = (at: number, rows: readonly object[]) => {
      const backends = rows.map((row) => ({ pool: 'db', ...NO_COUNTS, ...row }));
      return meter.measure({ ...statsWith(0), backends } as unknown as ProxyStats, at);
    };
    const old = { name: 'a', opened: 1000, ...replaced };
    measure(0, [{ name: 'a', opened: 10 }, { name: 'b', opened: 500 }, old]);
    const both = measure(1000, [{ name: 'a', opened: 12 }, { name: 'b', opened: 501 }, old]);
    expect(both.get('pool db')?.opened).toBe(3);
    expect(both.get('backend db/a')?.opened).toBe(2);
    // The other one becomes such a one as well, and its counts are no news.
    const late = { name: 'b', opened: 501, ...replaced };
    const rows = [
      { name: 'a', opened: 13 },
      { name: 'b', opened: 0 },
    ];
    expect(measure(2000, [...rows, old, late]).get('pool db')?.opened).toBe(1);
    const last = [
      { name: 'a', opened: 15 },
      { name: 'b', opened: 2 },
    ];
    const gone = measure(3000, last);
    expect(gone.get('pool db')?.opened).toBe(4);
    expect([...gone.keys()]).toEqual([
      'all',
      'listener web 127.0.0.1:80',
      'pool db',
      'backend db/a',
      'backend db/b',
    ]);
    expect(measure(4000, [{ name: 'a', opened: 16 }]).get('pool db')?.opened).toBe(1);
  });
});

describe('the history', () => {
  it('has an hour, the oldest point first, and nothing of what is gone', async () => {
    const history = new History();
    for (let step = 0; step <= 300; step++) {
      history.sample(
        statsWith(step * step, step < 100 ? ['a', 'gone'] : step < 200 ? ['a'] : ['a', 'late']),
        step * STEP_MS,
      );
    }
    const { stepMs, left, rows } = await textOf(history);
    expect([stepMs, left]).toEqual([STEP_MS, 0]);
    expect(Object.keys(rows).sort()).toEqual(
      ['all', 'backend db/a', 'backend db/late', 'listener web 127.0.0.1:80', 'pool db'].sort(),
    );
    expect(rows.all).toHaveLength(240);
    const rateAt = (step: number) => (2 * step - 1) / (STEP_MS / 1000);
    expect(rows.all[239][0]).toBeCloseTo(rateAt(300), 1);
    expect(rows.all[0][0]).toBeCloseTo(rateAt(61), 1);
    expect(rows['backend db/late'][0]).toEqual([null, null, null]);
    expect(history.newest().all?.[0]).toBeCloseTo(rateAt(300), 1);
  });

  it('is as it was when it was asked for, however slowly it is read', async () => {
    const history = new History();
    const sampleAt = (step: number) => history.sample(statsWith(step * step), step * STEP_MS);
    for (let step = 0; step <= 300; step++) sampleAt(step);
    const expected = await textOf(history);
    const pieces = history.json();
    let text = (await pieces.next()).value;
    // An answer takes half a minute at most.
    for (const step of [301, 302]) sampleAt(step);
    for await (const piece of pieces) text += piece;
    expect(JSON.parse(text)).toEqual(expected);
  });

  it('is of a thousand rows, however many there are', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `b${index}`);
    const history = new History();
    for (let step = 0; step < 3; step++) history.sample(statsWith(step, names), step * STEP_MS);
    const { left, rows } = await textOf(history);
    expect(Object.keys(rows)).toHaveLength(1000);
    expect(left).toBe(10_000 + 3 - 1000);
    expect(rows.all).toHaveLength(2);
  });
});

describe('the history of the page', () => {
  const rows = (opened: number) => ({ all: [opened, 0, 0] }) as const;
  const answer = (...opened: number[]) =>
    Response.json({ rows: { all: opened.map((value) => rows(value).all) } });

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is asked for until there is one, and goes on with what came meanwhile', async () => {
    const asked: ((answer: Response) => void)[] = [];
    vi.stubGlobal('fetch', () => new Promise((resolve) => asked.push(resolve)));
    const history = new PageHistory();
    const loaded = history.load();
    history.add(rows(1));
    asked[0]?.(Response.json({}, { status: 503 }));
    while (asked.length < 2) {
      await new Promise((resolve) => setImmediate(resolve));
      vi.runAllTimers();
    }
    expect(history.opened('all')).toEqual([1]);
    history.add(rows(4));
    asked[1]?.(answer(1, 2, 3));
    await loaded;
    expect(history.opened('all')).toEqual([1, 2, 3, 4]);
    history.add(rows(5));
    expect(history.opened('all')).toEqual([1, 2, 3, 4, 5]);
  });

  it('is that of the stream that goes on', async () => {
    const asked: ((answer: Response) => void)[] = [];
    vi.stubGlobal('fetch', () => new Promise((resolve) => asked.push(resolve)));
    const history = new PageHistory();
    const loads = [history.load(), history.load()];
    asked[1]?.(answer(7));
    asked[0]?.(answer(1));
    await Promise.all(loads);
    expect([asked.length, history.opened('all')]).toEqual([2, [7]]);
  });
});

describe('percentiles', () => {
  const histogram = (...buckets: [number, number][]) => ({
    count: buckets.reduce((sum, [, count]) => sum + count, 0),
    sum: 1,
    buckets: buckets.map(([upTo, count]) => ({ upTo, count })),
  });

  it('are of what came since, or of all where another had the name', () => {
    const before = histogram([1, 10], [2, 5]);
    expect(since(histogram([1, 10], [2, 7], [3, 1]), before)).toMatchObject({
      count: 3,
      buckets: [
        { upTo: 2, count: 2 },
        { upTo: 3, count: 1 },
      ],
    });
    expect(since(histogram([1, 3]), before).count).toBe(3);
  });

  it('forget what is older than two minutes', () => {
    const windows = new Windows();
    const statsAt = (slow: number, quick: number) => {
      const all = histogram(
        ...(
          [
            [1, quick],
            [9, slow],
          ] as [number, number][]
        ).filter(([, n]) => n > 0),
      );
      const histograms = { connect: all, firstByte: histogram(), duration: all };
      return { pools: [{ name: 'db', histograms }] } as unknown as ProxyStats;
    };
    const shown = (stats: ProxyStats) => windows.timesOf(stats.pools[0] as never);
    windows.sample(statsAt(100, 0), 0);
    expect(shown(statsAt(100, 0)).connect?.p50).toBe(9);
    windows.sample(statsAt(100, 0), 60_000);
    expect(shown(statsAt(100, 0))).toEqual({});
    expect(shown(statsAt(100, 1))).toEqual({
      connect: { count: 1, p50: 1, p90: 1, p99: 1 },
      duration: { count: 1, p50: 1, p90: 1, p99: 1 },
    });
  });
});

describe.each(engines)('top sessions with %s', (engine) => {
  it('are those that have moved the most bytes, and their clients', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, {
      listeners: { web: { address: ANY_PORT, pool: 'db' } },
      pools: { db: { backends: [`${echo.address},name=a`] } },
    });
    const status = await startStatus(proxy);
    const clients = [await openClient(portOf(proxy)), await openClient(portOf(proxy))];
    await echoed(clients[1] as never, 'y'.repeat(5000));
    const { body } = await get(status, '/api/v1/sessions?top=1');
    expect(body).toMatchObject({
      count: 2,
      others: 0,
      sessions: [{ pool: 'db', backend: 'a', bytesUpstream: 5005, bytesDownstream: 5005 }],
      clients: [{ address: '127.0.0.1', sessions: 2, bytesUpstream: 5010, bytesDownstream: 5010 }],
    });
    // One look is for all who ask so soon.
    const look = async () => (await get(status, '/api/v1/sessions')).body;
    let [one, other] = [await look(), await look()];
    while (one.at !== other.at) [one, other] = [other, await look()];
    expect(other).toEqual(one);
    expect(one.count).toBe(2);
    for (const top of ['0', '1001', 'x', '-1', '']) {
      expect((await get(status, `/api/v1/sessions?top=${top}`)).status, top).toBe(400);
    }
  });
});

describe('the page', () => {
  it('may ask this address and no other, and is kept by nobody', async () => {
    const status = await startStatus(await startProxy('stream', { backends: [SOMEWHERE] }));
    const { headers, text, status: code } = await get(status, '/');
    expect(code).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain('unsafe');
    expect(headers['cache-control']).toBe('no-store');
    const needed = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, place = '']) => place);
    for (const place of needed) {
      const { status: found, headers: of } = await get(status, place);
      expect([found, of['x-content-type-options']], place).toEqual([200, 'nosniff']);
    }
    for (const path of ['/page/', '/page/..%2fapp.ts', '/page/tsconfig.json', '/index.html']) {
      expect((await get(status, path)).status, path).toBe(404);
    }
  });
});
