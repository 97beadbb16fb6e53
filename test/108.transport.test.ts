/** How the connections of live sessions fare. */
import { describe, expect, it } from 'vitest';
import type { SessionTransport } from '../src/model/session-transport.js';
import { transportOf } from '../src/observe/transport.js';
import type { SessionInfo, SessionsOptions } from '../src/session/session-info.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { openClient } from './helpers/services.js';

const figures = (roundTripMs: number, sentSegments = 0, retransmittedSegments = 0) => ({
  roundTripMs,
  sentSegments,
  retransmittedSegments,
});

const session = (backend: string | undefined, transport?: SessionTransport): SessionInfo => ({
  id: '1',
  client: { address: '192.0.2.1', port: 1 },
  listener: '127.0.0.1:1',
  pool: 'db',
  backend,
  backendAddress: undefined,
  phase: 'data',
  ageMs: 0,
  idleMs: 0,
  bytesUpstream: 0,
  bytesDownstream: 0,
  transport,
});

describe('transport', () => {
  it('has medians and shares by backend', () => {
    const client = figures(20, 10, 1);
    const sessions = [3, 1, 2].map((ms) =>
      session('one', { client, backend: figures(ms, 100, ms) }),
    );
    sessions.push(session('two', { client: undefined, backend: undefined }));
    sessions.push(session('three'), session(undefined, { client, backend: undefined }));
    const [one, two, ...others] = transportOf(sessions);
    expect(one).toEqual({
      pool: 'db',
      backend: 'one',
      sessions: 3,
      toClients: { roundTrip: 0.02, longestRoundTrip: 0.02, retransmitted: 0.1 },
      toBackend: { roundTrip: 0.002, longestRoundTrip: 0.003, retransmitted: 0.02 },
    });
    expect(two).toEqual({
      pool: 'db',
      backend: 'two',
      sessions: 1,
      toClients: undefined,
      toBackend: undefined,
    });
    expect(others).toEqual([]);
  });

  it('is a share also where nothing but a SYN was sent, again', () => {
    const [one] = transportOf([session('one', { client: undefined, backend: figures(1, 0, 2) })]);
    expect(one?.toBackend?.retransmitted).toBe(1);
    const [other] = transportOf([session('one', { client: undefined, backend: figures(1) })]);
    expect(other?.toBackend?.retransmitted).toBe(0);
  });
});

describe.each(ways)('transport of live sessions, %s', (way) => {
  it('is what the kernel tells, where it is asked for', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [`${echo.address},name=echo`] });
    await openClient(portOf(proxy));
    const [plain] = await proxy.sessions();
    expect(plain).toBeDefined();
    expect(plain).not.toHaveProperty('transport');
    const [asked] = await proxy.sessions({}, { transport: true });
    const summary = await proxy.transport();
    if (proxy.stats().engine === 'stream') {
      expect(asked).toEqual({ ...plain, ageMs: expect.any(Number), idleMs: expect.any(Number) });
      expect(summary).toEqual([]);
      return;
    }
    for (const side of [asked?.transport?.client, asked?.transport?.backend]) {
      expect(side?.roundTripMs).toBeGreaterThan(0);
      expect(side?.sentSegments).toBeGreaterThan(0);
    }
    expect(summary).toHaveLength(1);
    expect(summary[0]).toMatchObject({ pool: 'default', backend: 'echo', sessions: 1 });
    expect(summary[0]?.toClients?.roundTrip).toBeGreaterThan(0);
    expect(summary[0]?.toBackend?.roundTrip).toBeGreaterThan(0);
  });

  it('of a sample is that of so many of each loop at most', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [`${echo.address},name=echo`] });
    await Promise.all(Array.from({ length: 20 }, () => openClient(portOf(proxy))));
    const loops = Math.max(1, proxy.stats().loops.length);
    const drawn = new Set<string>();
    // Drawn anew each time: that all are the same is as good as impossible.
    for (let round = 0; round < 20; round++) {
      const sample = await proxy.sessions({ backend: 'echo' }, { sample: 2 });
      expect(sample.length).toBeGreaterThanOrEqual(2);
      expect(sample.length).toBeLessThanOrEqual(2 * loops);
      for (const { id } of sample) drawn.add(id);
    }
    expect(drawn.size).toBeGreaterThan(2 * loops);
    expect(await proxy.sessions({}, { sample: 1000 })).toHaveLength(20);
    expect(await proxy.sessions({ backend: 'other' }, { sample: 2 })).toEqual([]);
  });

  it('is asked for with options that are known', async () => {
    const proxy = await startProxy(way, { backends: ['127.0.0.1:9'] });
    const wrong = [
      { sample: 0 },
      { sample: 1.5 },
      { sample: 1001 },
      { transport: 1 },
      { all: true },
    ];
    for (const options of wrong) {
      await expect(proxy.sessions({}, options as SessionsOptions)).rejects.toMatchObject({
        code: 'ERR_SPLICEWAY_INVALID_OPTION',
      });
    }
  });
});
