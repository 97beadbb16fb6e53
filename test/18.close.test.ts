/** close(): with and without drain, twice, and what still works afterwards. */
import { connect as netConnect } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SessionSummary } from '../src/session/session.js';
import { until, within } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { nextSession, portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { startBlackhole, startEcho } from './helpers/servers.js';
import {
  connect,
  guarded,
  readAll,
  readExactly,
  readToEnding,
  socketPair,
} from './helpers/sockets.js';

/** A client whose session is open. */
async function openClient(proxy: RunningProxy) {
  const started = nextSession(proxy);
  const client = await connect(portOf(proxy));
  client.write('x');
  await readExactly(client, 1);
  return { client, session: await started };
}

const refused = (port: number) => expect(connect(port)).rejects.toThrow('ECONNREFUSED');

describe.each(ways)('close with %s', (way) => {
  const echoProxy = async () => startProxy(way, { backends: [(await startEcho()).address] });

  it('cuts live sessions at once without drain', async () => {
    const proxy = await echoProxy();
    const { client, session } = await openClient(proxy);
    const ending = readToEnding(client);
    await within('closing', proxy.close());
    expect((await ending).how).toBe('ECONNRESET');
    expect(session.state).toBe('closed');
    expect((await session.closed).error?.code).toBe('ERR_SPLICEWAY_SESSION_DESTROYED');
    await refused(portOf(proxy));
  });

  it('lets live sessions finish while it drains, and takes no new ones', async () => {
    const proxy = await echoProxy();
    const { client, session } = await openClient(proxy);
    const closed = proxy.close({ drain: '20s' });
    await refused(portOf(proxy));
    client.write('still served');
    expect(String(await readExactly(client, 12))).toBe('still served');
    expect(session.state).toBe('open');
    client.end();
    await readAll(client);
    await within('the drain to end with its last session', closed);
    expect((await session.closed).reason).toBe('finished');
  });

  it('drains although the timers of the program are faked, as in its tests', async () => {
    const proxy = await echoProxy();
    const { session } = await openClient(proxy);
    // All that vitest can fake, sinon and jest fake as well.
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    await proxy.close({ drain: '50ms' });
    expect(session.state).toBe('closed');
    expect((await session.closed).durationMs).toBeGreaterThan(0);
  });

  it('cuts what is left when the time to drain is over', async () => {
    const proxy = await echoProxy();
    const { session } = await openClient(proxy);
    await within('closing', proxy.close({ drain: '50ms' }));
    expect((await session.closed).reason).toBe('destroyed');
  });

  it('is cut short by a second close without drain', async () => {
    const proxy = await echoProxy();
    const { session } = await openClient(proxy);
    const first = proxy.close({ drain: '1h' });
    expect(proxy.close({ drain: '1h' })).toBe(first);
    expect(session.state).toBe('open');
    expect(proxy.close()).toBe(first);
    await within('closing', first);
    expect((await session.closed).reason).toBe('destroyed');
  });

  it('returns the same promise every time', async () => {
    const proxy = await echoProxy();
    const first = proxy.close();
    expect(proxy.close()).toBe(first);
    await first;
    expect(proxy.close({ drain: '5s' })).toBe(first);
  });

  it('refuses a duration that is none, and stays open', async () => {
    const proxy = await echoProxy();
    await expect(proxy.close({ drain: 'soon' })).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_INVALID_DURATION',
    });
    await openClient(proxy);
  });

  it.each([null, '5s', { drian: '5s' }])(
    'refuses the options %j, and stays open',
    async (wrong) => {
      const proxy = await echoProxy();
      await expect(proxy.close(wrong as never)).rejects.toMatchObject({
        code: 'ERR_SPLICEWAY_INVALID_OPTION',
      });
      await openClient(proxy);
    },
  );

  it('leaves handoff() refused, and the socket untouched', async () => {
    const proxy = await echoProxy();
    await proxy.close();
    const { near, far } = await socketPair();
    expect(() => proxy.handoff(near)).toThrow(
      expect.objectContaining({ code: 'ERR_SPLICEWAY_CLOSED' }),
    );
    near.write('mine');
    expect(String(await readExactly(far, 4))).toBe('mine');
  });

  it('ends sessions that are still connecting', async () => {
    const proxy = await startProxy(way, { backends: [await startBlackhole()] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    const session = await started;
    await within('closing', proxy.close());
    expect((await session.closed).reason).toBe('destroyed');
    expect((await readToEnding(client)).how).toBe('ECONNRESET');
  });

  it('happens by itself at the end of an await using block', async () => {
    const proxy = await echoProxy();
    const { session } = await openClient(proxy);
    await proxy[Symbol.asyncDispose]();
    expect(session.state).toBe('closed');
    await refused(portOf(proxy));
  });

  it('may be called by a listener of session', async () => {
    const proxy = await echoProxy();
    const summaries: Promise<SessionSummary>[] = [];
    const closed = new Promise<void>((resolve) => {
      proxy.on('session', (session) => {
        summaries.push(session.closed);
        resolve(proxy.close());
      });
    });
    const client = guarded(netConnect({ port: portOf(proxy), host: '127.0.0.1' }));
    expect((await readToEnding(client)).how).toBe('ECONNRESET');
    await within('closing', closed);
    expect(await Promise.all(summaries)).toMatchObject([{ reason: 'destroyed' }]);
  });

  it('leaves no descriptor behind', async () => {
    const echo = await startEcho();
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      const proxy = await startProxy(way, { backends: [echo.address] });
      const { client } = await openClient(proxy);
      await proxy.close();
      client.destroy();
    }
    await until('the backend to see all ends', () => echo.sockets.every((s) => s.destroyed));
    await untilBackTo(before);
  });
});
