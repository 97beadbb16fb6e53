/** Sessions that have lived too long end when nobody is waiting for anything. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ProxyOptions } from '../src/config/options.js';
import { until, withTimeEnough } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { connect, readExactly, readToEnding } from './helpers/sockets.js';

/** How long a session that is due is to be silent. */
const REST_MS = 1000;
/** How long one that does not rest may live on. */
const GRACE_MS = 10_000;
const maxSessionAge = '100ms';

/** What a session is asked of the time, whatever else the machine does. */
function since(begin: number): number {
  return performance.now() - begin;
}

describe.each(ways)('maxSessionAge with %s', (way) => {
  it('ends a session that rests, in order', async () => {
    const backend = await startEcho();
    const proxy = await startProxy(way, { backends: [backend.address], maxSessionAge });
    const summary = nextSummary(proxy);
    const begin = performance.now();
    const client = await connect(portOf(proxy));
    client.write('x');
    await readExactly(client, 1);
    expect((await readToEnding(client)).how).toBe('end');
    expect(since(begin)).toBeGreaterThan(0.95 * REST_MS);
    const { reason, error, bytesDownstream } = await summary;
    expect({ reason, code: error?.code, bytesDownstream }).toEqual({
      reason: 'max-age',
      code: 'ERR_SPLICEWAY_SESSION_TIMEOUT',
      bytesDownstream: 1,
    });
  });

  it('ends one in which nobody has said a word, and tells both sides', async () => {
    const endings: ReturnType<typeof readToEnding>[] = [];
    const backend = await startServer((socket) => endings.push(readToEnding(socket)));
    const proxy = await startProxy(way, { backends: [backend.address], maxSessionAge });
    const client = await connect(portOf(proxy));
    expect((await readToEnding(client)).how).toBe('end');
    expect((await endings[0])?.how).toBe('end');
  });

  it('lets a client have the answer that it waits for', async () => {
    const backend = await startServer((socket) => socket.resume());
    const proxy = await startProxy(way, { backends: [backend.address], maxSessionAge });
    let answered = 0;
    // The time that counts is the grace, which is what it is.
    await withTimeEnough(1, async () => {
      const summary = nextSummary(proxy);
      const begin = performance.now();
      const client = await connect(portOf(proxy));
      client.write('?');
      const server = await backend.socket(answered);
      answered += 1;
      await until('it to be due for long', () => since(begin) > 3 * REST_MS);
      const ending = readToEnding(client);
      server.write('!');
      const { how, data } = await ending;
      const { reason } = await summary;
      if (since(begin) > GRACE_MS) return false;
      expect({ how, data: data.toString(), reason }).toEqual({
        how: 'end',
        data: '!',
        reason: 'max-age',
      });
      return true;
    });
  });

  it('holds for sessions that begin after a change', async () => {
    const backend = await startEcho();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const first = await connect(portOf(proxy));
    await started;
    first.write('x');
    await readExactly(first, 1);
    await proxy.update((options) => ({ ...options, maxSessionAge }) as ProxyOptions);
    const second = await connect(portOf(proxy));
    expect((await readToEnding(second)).how).toBe('end');
    first.write('y');
    expect((await readExactly(first, 1)).toString()).toBe('y');
  });

  it('holds for sockets that are handed over', async () => {
    const backend = await startEcho();
    const proxy = await startProxy(way, { backends: [backend.address], maxSessionAge });
    const server = await startServer((socket) => void proxy.handoff(socket), { paused: true });
    const client = await connect(server.port);
    expect((await readToEnding(client)).how).toBe('end');
  });
});

describe('the age of a session of the stream engine', () => {
  const HOUR = 3_600_000;

  /** With the timers of a clock that the test moves. */
  async function begin(events: { quietMs: () => number; rests: () => boolean }) {
    vi.useFakeTimers();
    vi.resetModules();
    onTestFinished(() => {
      vi.useRealTimers();
      vi.resetModules();
    });
    const { SessionAge } = await import('../src/engine/stream/session-age.js');
    const over: boolean[] = [];
    const age = new SessionAge(HOUR, { ...events, onOver: (isCut) => over.push(isCut) });
    return { over, age };
  }

  it('ends it when it rests, not before its time, nor long after', async () => {
    const { over } = await begin({ quietMs: () => HOUR, rests: () => true });
    await vi.advanceTimersByTimeAsync(0.9 * HOUR - 1);
    expect(over).toEqual([]);
    await vi.advanceTimersByTimeAsync(0.2 * HOUR + 10);
    expect(over).toEqual([false]);
  });

  it('waits for a rest of a second', async () => {
    // Due after nine tenths of it.
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    onTestFinished(() => random.mockRestore());
    let movedAt = 0;
    const { over } = await begin({ quietMs: () => performance.now() - movedAt, rests: () => true });
    const busy = setInterval(() => {
      movedAt = performance.now();
    }, 500);
    await vi.advanceTimersByTimeAsync(0.95 * HOUR);
    expect(over).toEqual([]);
    clearInterval(busy);
    await vi.advanceTimersByTimeAsync(2 * REST_MS);
    expect(over).toEqual([false]);
  });

  it.each([
    ['cuts', 0, true],
    ['ends', REST_MS, false],
  ])('%s it when its grace is over', async (_, quietMs, isCut) => {
    const { over } = await begin({ quietMs: () => quietMs, rests: () => false });
    await vi.advanceTimersByTimeAsync(HOUR - 1);
    expect(over).toEqual([]);
    await vi.advanceTimersByTimeAsync(0.2 * HOUR + 10);
    expect(over).toEqual([isCut]);
  });

  it('differs from session to session', async () => {
    const over = new Set<number>();
    await begin({ quietMs: () => HOUR, rests: () => true });
    const { SessionAge } = await import('../src/engine/stream/session-age.js');
    for (let count = 0; count < 20; count += 1) {
      const onOver = () => over.add(performance.now());
      new SessionAge(HOUR, { quietMs: () => HOUR, rests: () => true, onOver });
    }
    await vi.advanceTimersByTimeAsync(1.1 * HOUR + 10);
    expect(over.size).toBeGreaterThan(10);
  });
});
