/** What a proxy tells beside its counters: how long things take, how sessions end, what its loops do. */
import { describe, expect, it } from 'vitest';
import { countUpTo, percentile } from '../src/observe/histogram.js';
import type { ProxyStats } from '../src/observe/stats.js';
import { until } from './helpers/deadline.js';
import { engineOf, ways } from './helpers/engines.js';
import {
  nextSession,
  nextSummary,
  portOf,
  portOfListener,
  type RunningProxy,
  startProxy,
} from './helpers/proxies.js';
import { refusedAddress, startEcho, startServer, startSink } from './helpers/servers.js';
import { ANY_PORT, wholeOf } from './helpers/services.js';
import {
  connect,
  guarded,
  readAll,
  readExactly,
  readToEnding,
  reset,
  socketPair,
} from './helpers/sockets.js';

/** Of the one pool, once so many of its sessions have ended. */
async function histogramsOf(proxy: RunningProxy, ended: number) {
  const now = () => proxy.stats().pools[0]?.histograms as NonNullable<typeof first>;
  const first = proxy.stats().pools[0]?.histograms;
  await until(`${ended} ends`, () => now().duration.count === ended);
  return now();
}

async function exchange(port: number, text: string): Promise<void> {
  const client = await connect(port);
  client.end(text);
  expect(String(await readAll(client))).toBe(text);
}

/** Of each session the end is told once, and there are as many as have ended. */
function expectSums({ sessions, ends, listeners, handoff }: ProxyStats): void {
  const sum = (all: readonly { count: number }[]) =>
    all.reduce((total, end) => total + end.count, 0);
  expect(sum(ends)).toBe(sessions.opened - sessions.open);
  for (const entry of [...listeners, handoff])
    expect(sum(entry.ends)).toBe(entry.opened - entry.open);
}

describe.each(ways)('histograms of a pool with %s', (way) => {
  it('have a value for each session that opened', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    for (let session = 0; session < 3; session++) await exchange(portOf(proxy), 'four');
    const { connect: connects, firstByte, queue, duration, bytes } = await histogramsOf(proxy, 3);
    expect([connects, firstByte, queue, duration].map(({ count }) => count)).toEqual([3, 3, 0, 3]);
    expect(bytes).toEqual({ count: 3, sum: 24, buckets: [{ upTo: 100, count: 3 }] });
    for (const histogram of [connects, firstByte, duration]) {
      expect(countUpTo(histogram, 1000)).toBe(3);
      expect(percentile(histogram, 100)).toBeGreaterThan(0);
      expect(histogram.sum).toBeLessThan(1000);
    }
  });

  it('have no first byte of a backend that says nothing, and nothing of one that refuses', async () => {
    const sink = await startSink();
    const proxy = await startProxy(way, { backends: [sink.address] });
    const client = await connect(portOf(proxy));
    client.write('four');
    await readExactly(await sink.socket(0), 4);
    reset(client);
    const { connect: connects, firstByte, bytes } = await histogramsOf(proxy, 1);
    expect([connects.count, firstByte.count, bytes.sum]).toEqual([1, 0, 4]);

    const refusing = await startProxy(way, { backends: [await refusedAddress()] });
    expect((await readToEnding(await connect(portOf(refusing)))).how).not.toBe('');
    await until('the end', () => refusing.stats().sessions.open === 0);
    const { pools } = refusing.stats();
    for (const { count } of Object.values(pools[0]?.histograms ?? {})) expect(count).toBe(0);
  });

  it('have each wait in the queue that a place has ended', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, {
      backends: [{ address: echo.address, maxSessions: 1 }],
      queue: { length: 5, timeout: 0 },
    });
    const first = await connect(portOf(proxy));
    first.write('a');
    await readExactly(first, 1);
    const second = await connect(portOf(proxy));
    await until('one to wait', () => proxy.stats().pools[0]?.queue.length === 1);
    expect(proxy.stats().pools[0]?.histograms.queue.count).toBe(0);
    first.end();
    second.write('b');
    await readExactly(second, 1);
    const { queue, histograms } = proxy.stats().pools[0] as ProxyStats['pools'][number];
    expect([queue.served, histograms.queue.count]).toEqual([1, 1]);
    second.end();
  });

  it('are those of one pool, and stay after close()', async () => {
    const echo = await startEcho();
    const backends = [echo.address];
    const options = { listeners: { in: { address: ANY_PORT, pool: 'one' } } };
    const proxy = await startProxy(way, { ...options, pools: { one: { backends } } });
    await exchange(portOfListener(proxy, 'in'), 'four');
    expect((await histogramsOf(proxy, 1)).bytes.sum).toBe(8);
    const other = { listeners: { in: { address: ANY_PORT, pool: 'two' } } };
    await proxy.update(wholeOf(way, { ...other, pools: { two: { backends } } }));
    expect(proxy.stats().pools.map(({ name }) => name)).toEqual(['two']);
    expect(proxy.stats().pools[0]?.histograms.bytes.count).toBe(0);
    await exchange(portOfListener(proxy, 'in'), 'seven77');
    await histogramsOf(proxy, 1);
    await proxy.close();
    expect(proxy.stats().pools[0]?.histograms.bytes.sum).toBe(14);
  });
});

describe.each(ways)('ends with %s', (way) => {
  /** How the one session of a proxy has ended. */
  async function endOf(proxy: RunningProxy) {
    await until('the end', () => {
      const { open, opened } = proxy.stats().sessions;
      return open === 0 && opened === 1;
    });
    const stats = proxy.stats();
    expectSums(stats);
    expect(stats.listeners[0]?.ends).toEqual(stats.ends);
    const [end] = stats.ends;
    return `${end?.reason} ${end?.side} ${end?.phase}`;
  }

  it.each(['client', 'backend'])('that are orderly are of the %s that was first', async (first) => {
    const sink = await startSink();
    const proxy = await startProxy(way, { backends: [sink.address] });
    const client = await connect(portOf(proxy));
    client.write('a');
    const backend = await sink.socket(0);
    await readExactly(backend, 1);
    const [one, other] = first === 'client' ? [client, backend] : [backend, client];
    one.end();
    await readAll(other);
    other.end();
    expect(await endOf(proxy)).toBe(`finished ${first} half-closed`);
  });

  it.each(['client', 'backend'])('by a reset are of the %s that was lost', async (lost) => {
    const sink = await startSink();
    const proxy = await startProxy(way, { backends: [sink.address] });
    const client = guarded(await connect(portOf(proxy)));
    client.write('a');
    const backend = await sink.socket(0);
    await readExactly(backend, 1);
    reset(lost === 'client' ? client : backend);
    expect(await endOf(proxy)).toBe(`reset ${lost} data`);
  });

  it('by a time-out are the proxy’s', async () => {
    const sink = await startSink();
    const idle = await startProxy(way, { backends: [sink.address], idleTimeout: '50ms' });
    const first = guarded(await connect(portOf(idle)));
    expect(await endOf(idle)).toBe('idle-timeout proxy data');
    first.destroy();
    const half = await startProxy(way, { backends: [sink.address], halfCloseTimeout: '50ms' });
    const second = guarded(await connect(portOf(half)));
    second.write('a');
    await readExactly(await sink.socket(1), 1);
    second.end();
    expect(await endOf(half)).toBe('half-close-timeout proxy half-closed');
  });

  it('without a backend tell how far the session had come', async () => {
    const refusing = await startProxy(way, { backends: [await refusedAddress()] });
    await readToEnding(await connect(portOf(refusing)));
    expect(await endOf(refusing)).toBe('no-backend proxy connect');

    const sink = await startSink();
    const full = await startProxy(way, {
      backends: [{ address: sink.address, maxSessions: 1 }],
      queue: { length: 1, timeout: '50ms' },
    });
    const held = await connect(portOf(full));
    await sink.socket(0);
    const waiting = await connect(portOf(full));
    await readToEnding(waiting);
    // It is counted out a moment after its client has read its end.
    await until('the end', () => full.stats().sessions.open === 1);
    expect(full.stats().ends).toEqual([
      { reason: 'no-backend', side: 'proxy', phase: 'queue', count: 1 },
    ]);
    expectSums(full.stats());
    held.destroy();
  });

  it('by whoever is asked are told apart', async () => {
    const sink = await startSink();
    const denying = await startProxy(way, { backends: [sink.address], filter: () => false });
    await readToEnding(await connect(portOf(denying)));
    expect(await endOf(denying)).toBe('denied proxy route');

    const proxy = await startProxy(way, { backends: [sink.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    client.write('a');
    await readExactly(await sink.socket(0), 1);
    (await started).destroy();
    await readToEnding(client);
    expect(await endOf(proxy)).toBe('destroyed proxy data');
  });

  it('of a client that leaves while it waits are its own', async () => {
    const proxy = await startProxy(way, {
      ...{ backends: ['127.0.0.1:1'], filter: () => new Promise<boolean>(() => {}) },
    });
    const client = await connect(portOf(proxy));
    await until('the session', () => proxy.stats().sessions.open === 1);
    reset(client);
    expect(await endOf(proxy)).toBe('reset client route');
  });

  it('stay in the sum when their listener goes, and after close()', async () => {
    const echo = await startEcho();
    const pools = { one: { backends: [echo.address] } };
    const listeners = (...names: string[]) =>
      Object.fromEntries(names.map((name) => [name, { address: ANY_PORT, pool: 'one' }]));
    const proxy = await startProxy(way, { listeners: listeners('a', 'b'), pools });
    await exchange(portOfListener(proxy, 'a'), 'four');
    await exchange(portOfListener(proxy, 'b'), 'four');
    await until('the ends', () => proxy.stats().ends[0]?.count === 2);
    await proxy.update(wholeOf(way, { listeners: listeners('b'), pools }));
    await until('one listener', () => proxy.stats().listeners[0]?.ends[0]?.count === 1);
    const finished = { reason: 'finished', side: 'client', phase: 'half-closed' };
    expect(proxy.stats().ends).toEqual([{ ...finished, count: 2 }]);
    await proxy.close();
    expect(proxy.stats().ends).toEqual([{ ...finished, count: 2 }]);
    expectSums(proxy.stats());
  });

  it('of a handoff count as its own', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { listen: [], backends: [echo.address] });
    const { near, far } = await socketPair();
    const summary = nextSummary(proxy);
    proxy.handoff(near);
    far.end('four');
    expect(String(await readAll(far))).toBe('four');
    await summary;
    await until('the end', () => proxy.stats().handoff.open === 0);
    expect(proxy.stats().handoff.ends).toEqual(proxy.stats().ends);
    expectSums(proxy.stats());
  });
});

describe.each(ways)('loops with %s', (way) => {
  it('have moved all bytes, by copy or splice; the stream engine has none', async () => {
    const size = 3_000_000;
    const backend = await startServer((socket) => socket.resume().end(Buffer.alloc(size)));
    const proxy = await startProxy(way, { backends: [backend.address], threads: 2 });
    const client = await connect(portOf(proxy));
    client.end('a question');
    expect((await readAll(client)).length).toBe(size);
    await until('the end', () => proxy.stats().sessions.open === 0);
    const { loops, pipes } = proxy.stats();
    if (engineOf(way) === 'stream') {
      expect(loops).toEqual([]);
      expect(pipes).toEqual({ open: 0, bytes: 0, most: 0, mostBytes: 0 });
      return;
    }
    expect(loops.length).toBe(2);
    // A loop tells at the end of its turn.
    await until('the bytes', () => {
      const { bytes, loops: now } = proxy.stats();
      const moved = now.reduce((sum, loop) => sum + loop.bytesCopied + loop.bytesSpliced, 0);
      return moved === bytes.upstream + bytes.downstream && moved === size + 10;
    });
    const before = proxy.stats().loops;
    for (const { busy, turns } of before) expect(busy).toBe(turns.sum);
    // Told in this order, while turns go on.
    await until('the time of the longest turns', () =>
      proxy.stats().loops.every(({ busy }, loop) => busy >= (before[loop]?.longestTurn ?? 0)),
    );
    expect(Math.max(...proxy.stats().loops.map(({ wakeUps }) => wakeUps))).toBeGreaterThan(0);
    expect(pipes.most).toBeGreaterThan(0);
    expect(pipes.bytes).toBeLessThanOrEqual(pipes.mostBytes);
    await proxy.close();
    expect(proxy.stats().loops.length).toBe(2);
    expect(proxy.stats().pipes).toEqual({ open: 0, bytes: 0, most: 0, mostBytes: 0 });
  });
});
