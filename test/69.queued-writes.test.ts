/** Sockets with queued writes are sessions from the call on: with a place, a clock, and an end. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { SplicewayError } from '../src/errors/catalogue.js';
import { join } from '../src/proxy/join.js';
import type { Session } from '../src/session/session.js';
import { until, within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { guarded, readAll, socketPair } from './helpers/sockets.js';

/** More than the kernel takes for a peer that reads nothing. */
const MUCH = Buffer.alloc(20_000_000);

/** A socket with much to write, to a peer that does not read. */
async function stuffed(): Promise<{ near: Socket; far: Socket }> {
  const { near, far } = await socketPair();
  guarded(far).pause();
  near.write(MUCH);
  expect(near.writableLength).toBeGreaterThan(0);
  return { near, far };
}

describe.each(engines)('handoff() with queued writes, with %s', (engine) => {
  it('has a place among maxSessions, counts, and ends by the idle timeout', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, {
      ...{ listen: [], backends: [echo.address], maxSessions: 5, idleTimeout: '300ms' },
    });
    const sessions: Session[] = [];
    const pairs = [];
    for (let index = 0; index < 6; index++) pairs.push(await stuffed());
    const refusals: SplicewayError[] = [];
    for (const { near } of pairs) {
      try {
        sessions.push(proxy.handoff(near));
      } catch (error) {
        refusals.push(error as SplicewayError);
      }
    }
    expect(proxy.stats().sessions.open).toBe(5);
    expect(refusals.map(({ code }) => code)).toEqual(['ERR_SPLICEWAY_RESOURCE_LIMIT']);
    const ends = await within('the ends', Promise.all(sessions.map(({ closed }) => closed)));
    expect(ends.map(({ reason }) => reason)).toEqual(Array(5).fill('idle-timeout'));
    expect(ends[0]?.error?.code).toBe('ERR_SPLICEWAY_SESSION_TIMEOUT');
    await until('the counters', () => proxy.stats().sessions.open === 0);
    expect(proxy.stats().sessions).toMatchObject({ opened: 5 });
    // The one that was refused is still its owner's, and its place is free now.
    proxy.handoff(pairs[5]?.near as Socket).destroy();
  });

  it('ends by a reset of the client, with its cause, and harms nobody else', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, { listen: [], backends: [echo.address] });
    const { near, far } = await stuffed();
    const { closed } = proxy.handoff(near);
    far.resetAndDestroy();
    const { reason, error } = await within('the end', closed);
    expect(reason).toBe('reset');
    expect((error?.cause as NodeJS.ErrnoException | undefined)?.code).toBe('ECONNRESET');
  });

  it('ends by the handshake timeout where that is shorter', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, {
      ...{ listen: [], backends: [echo.address], handshakeTimeout: '200ms' },
    });
    const { near } = await stuffed();
    const { closed } = proxy.handoff(near);
    expect(await within('the end', closed)).toMatchObject({ reason: 'handshake-timeout' });
  });

  it('ends by destroy(), and gives its place back', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, {
      ...{ listen: [], backends: [echo.address], maxSessions: 1 },
    });
    for (let turn = 0; turn < 3; turn++) {
      const { near } = await stuffed();
      const session = proxy.handoff(near);
      session.destroy();
      expect(await within('the end', session.closed)).toMatchObject({ reason: 'destroyed' });
    }
    await until('the counters', () => proxy.stats().sessions.open === 0);
    expect(proxy.stats().sessions).toMatchObject({ opened: 3 });
  });

  it('is waited for by a drain, and goes on when its client reads', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, { listen: [], backends: [echo.address] });
    const { near, far } = await stuffed();
    const session = proxy.handoff(near);
    let isClosed = false;
    const closed = proxy.close({ drain: '1h' }).then(() => {
      isClosed = true;
    });
    await new Promise(setImmediate);
    expect(isClosed).toBe(false);
    const answer = readAll(far);
    far.end('last');
    expect((await answer).subarray(MUCH.length).toString()).toBe('last');
    await within('the end of the drain', closed);
    expect(await session.closed).toMatchObject({ reason: 'finished' });
    expect(proxy.stats().sessions).toMatchObject({ open: 0, opened: 1 });
  });

  it('is cut by close()', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, { listen: [], backends: [echo.address] });
    const { near } = await stuffed();
    const session = proxy.handoff(near);
    await within('the close', proxy.close());
    expect(await session.closed).toMatchObject({ reason: 'destroyed' });
    expect(proxy.stats().sessions).toMatchObject({ open: 0, opened: 1 });
  });

  it('ends when its client resets', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, { listen: [], backends: [echo.address] });
    const { near, far } = await stuffed();
    const session = proxy.handoff(near);
    far.resetAndDestroy();
    expect(await within('the end', session.closed)).toMatchObject({ reason: 'reset' });
    await until('the counters', () => proxy.stats().sessions.open === 0);
  });
});

describe.each(engines)('join() with queued writes, with %s', (engine) => {
  it('ends by the idle timeout', async () => {
    const [left, right] = [await stuffed(), await socketPair()];
    const { closed } = join(left.near, right.near, { engine, idleTimeout: '300ms' });
    expect(await within('the end', closed)).toMatchObject({ reason: 'idle-timeout' });
  });
});
