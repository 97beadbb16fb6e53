/** What users' listeners throw is heard of, and harms neither the session, the proxy nor the other sessions. */
import { describe, expect, it } from 'vitest';
import { join } from '../src/proxy/join.js';
import { until, within } from './helpers/deadline.js';
import { engineOf, ways } from './helpers/engines.js';
import { nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { refusedAddress, startEcho } from './helpers/servers.js';
import { connect, readAll, reset, socketPair, write } from './helpers/sockets.js';
import { collectUncaught } from './helpers/uncaught.js';

function fail(what: string): () => never {
  return () => {
    throw new Error(`thrown in ${what}`);
  };
}

/** The messages of the exceptions, once there are so many. */
async function messages(uncaught: readonly unknown[], count: number): Promise<string[]> {
  await until(`${count} uncaught exceptions`, () => uncaught.length >= count);
  return uncaught.map((error) => (error as Error).message);
}

describe.each(ways)('a listener that throws, with %s', (way) => {
  it('in session, open or close is an uncaught exception, and the clients are served', async () => {
    const uncaught = collectUncaught();
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const summaries: Promise<unknown>[] = [];
    proxy.on('session', (session) => {
      session.on('open', fail('open'));
      session.on('close', fail('close'));
      summaries.push(session.closed);
      fail('session')();
    });
    const clients = [await connect(portOf(proxy)), await connect(portOf(proxy))];
    for (const client of clients) client.end('served');
    for (const client of clients) expect(String(await readAll(client))).toBe('served');
    const thrown = await messages(uncaught, 6);
    expect(thrown.sort()).toEqual(
      ['close', 'open', 'session'].flatMap((what) => Array(2).fill(`thrown in ${what}`)),
    );
    expect(await Promise.all(summaries)).toMatchObject(Array(2).fill({ reason: 'finished' }));
    await within('closing', proxy.close());
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 2, failed: 0, rejected: 0 });
  });

  it('in backendError, noBackend, error or close does not keep a session from ending', async () => {
    const uncaught = collectUncaught();
    const proxy = await startProxy(way, { backends: [await refusedAddress()] });
    proxy.on('backendError', fail('backendError'));
    proxy.on('noBackend', fail('noBackend'));
    proxy.on('session', (session) => {
      session.on('error', fail('error'));
      session.on('close', fail('close'));
    });
    for (let round = 0; round < 2; round++) {
      const summary = nextSummary(proxy);
      expect((await readAll(await connect(portOf(proxy)))).length).toBe(0);
      expect((await summary).reason).toBe('no-backend');
    }
    const each = ['backendError', 'noBackend', 'error', 'close'];
    expect(await messages(uncaught, 8)).toEqual(
      [...each, ...each].map((what) => `thrown in ${what}`),
    );
    await within('closing', proxy.close());
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 2, failed: 2, rejected: 0 });
  });

  it('in session does not make handoff() throw after it took the socket', async () => {
    const uncaught = collectUncaught();
    const proxy = await startProxy(way, {
      listen: [],
      backends: [(await startEcho()).address],
    });
    proxy.on('session', fail('session'));
    const { near, far } = await socketPair();
    const session = proxy.handoff(near);
    far.end('taken');
    expect(String(await readAll(far))).toBe('taken');
    expect((await session.closed).reason).toBe('finished');
    expect(await messages(uncaught, 1)).toEqual(['thrown in session']);
  });

  it('in error or close does not keep a join from ending', async () => {
    const uncaught = collectUncaught();
    const [left, right] = [await socketPair(), await socketPair()];
    const session = join(left.near, right.near, { engine: engineOf(way) });
    session.on('error', fail('error')).on('close', fail('close'));
    await write(left.far, 'x');
    reset(left.far);
    expect((await within('the end', session.closed)).reason).toBe('reset');
    expect(await messages(uncaught, 2)).toEqual(['thrown in error', 'thrown in close']);
  });

  it('in warning is an uncaught exception, and the proxy goes on', async () => {
    const uncaught = collectUncaught();
    const echo = await startEcho();
    const lookup = async () => {
      throw new Error('ENOTFOUND');
    };
    const backends = ['gone.test:1', echo.address];
    const proxy = await startProxy(way, { backends }, { lookup });
    proxy.on('warning', fail('warning'));
    expect(await messages(uncaught, 1)).toEqual(['thrown in warning']);
    const client = await connect(portOf(proxy));
    client.end('on');
    expect(String(await readAll(client))).toBe('on');
  });
});
