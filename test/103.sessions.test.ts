/** Sessions that live: who they are, whether or not anybody has heard of them, and their end by an operator. */
import type net from 'node:net';
import { describe, expect, it } from 'vitest';
import { idOf } from '../src/engine/session-id.js';
import type { SessionFilter, SessionInfo, SessionPhase } from '../src/session/session-info.js';
import { within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import {
  nextSession,
  portOf,
  portOfListener,
  type RunningProxy,
  startProxy,
} from './helpers/proxies.js';
import { startBlackhole, startEcho, startServer } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';
import { connect, readToEnding, socketPair } from './helpers/sockets.js';

/** Lists again and again, until it is as it should be. */
async function untilListed(
  proxy: RunningProxy,
  what: string,
  isMet: (sessions: readonly SessionInfo[]) => boolean,
): Promise<SessionInfo[]> {
  const latest = performance.now() + 60_000;
  for (;;) {
    const sessions = await proxy.sessions();
    if (isMet(sessions)) return sessions;
    if (performance.now() > latest) throw new Error(`${what}: not within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The one that there is, in this phase, when it has moved so much upstream. */
async function untilOne(
  proxy: RunningProxy,
  phase: SessionPhase,
  bytesUpstream = 0,
): Promise<SessionInfo> {
  const isMet = ([one]: readonly SessionInfo[]) =>
    one?.phase === phase && one.bytesUpstream === bytesUpstream;
  const [session] = await untilListed(proxy, `a session in ${phase}`, isMet);
  return session as SessionInfo;
}

describe.each(ways)('live sessions, %s', (way) => {
  it('are all listed, once, with what they have moved', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [`${echo.address},name=echo`] });
    expect(await proxy.sessions()).toEqual([]);
    const clients = await Promise.all(Array.from({ length: 20 }, () => openClient(portOf(proxy))));
    const sessions = await proxy.sessions();
    const ports = clients.map(({ localPort }) => localPort);
    expect(sessions.map(({ client }) => client.port).sort()).toEqual([...ports].sort());
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(clients.length);
    for (const session of sessions) {
      expect(session).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{6}-[0-9a-z]+$/),
        client: { address: '127.0.0.1', port: expect.any(Number) },
        listener: `127.0.0.1:${portOf(proxy)}`,
        pool: 'default',
        backend: 'echo',
        backendAddress: echo.address,
        phase: 'data',
        ageMs: expect.any(Number),
        idleMs: expect.any(Number),
        bytesUpstream: 5,
        bytesDownstream: 5,
      });
      expect(session.idleMs).toBeGreaterThanOrEqual(0);
      expect(session.ageMs).toBeGreaterThanOrEqual(session.idleMs ?? 0);
    }
    // They keep their ids, and nothing has happened to them.
    const ids = ({ id }: SessionInfo) => id;
    expect((await proxy.sessions()).map(ids).sort()).toEqual(sessions.map(ids).sort());
    expect(await echoed(clients[0] as net.Socket, 'once more')).toBe('once more');
  });

  it('are found by listener, pool, backend and client', async () => {
    const [one, two] = await Promise.all([startEcho(), startEcho()]);
    const proxy = await startProxy(way, {
      listeners: {
        first: { address: ANY_PORT, pool: 'a' },
        second: { address: ANY_PORT, pool: 'b' },
      },
      pools: {
        a: { backends: [`${one.address},name=one`] },
        b: { backends: [`${two.address},name=two`] },
      },
    });
    const first = await openClient(portOfListener(proxy, 'first'));
    const second = await openClient(portOfListener(proxy, 'second'));
    const portsOf = async (filter: SessionFilter) =>
      (await proxy.sessions(filter)).map(({ client }) => client.port);
    expect(await portsOf({ listener: 'first' })).toEqual([first.localPort]);
    const address = `127.0.0.1:${portOfListener(proxy, 'second')}`;
    expect(await portsOf({ listener: address })).toEqual([second.localPort]);
    expect(await portsOf({ pool: 'a' })).toEqual([first.localPort]);
    expect(await portsOf({ backend: 'two' })).toEqual([second.localPort]);
    expect(await portsOf({ pool: 'a', backend: 'two' })).toEqual([]);
    expect((await portsOf({ client: '127.0.0.1' })).length).toBe(2);
    expect((await portsOf({ client: '127.0.0.0/8' })).length).toBe(2);
    expect(await portsOf({ client: '10.0.0.0/8' })).toEqual([]);
    expect(await portsOf({ client: '::1' })).toEqual([]);
  });

  it('say how far they have come', async () => {
    const silent = await startBlackhole();
    const connecting = await startProxy(way, {
      backends: [`${silent},name=silent`],
      connectTimeout: '1h',
    });
    await connect(portOf(connecting));
    const found = await untilOne(connecting, 'connect');
    expect(found).toMatchObject({
      backend: 'silent',
      backendAddress: silent,
      idleMs: undefined,
      pool: 'default',
    });

    const echo = await startEcho();
    const asking = await startProxy(way, {
      backends: [echo.address],
      filter: () => new Promise<boolean>(() => {}),
    });
    await connect(portOf(asking));
    const asked = await untilOne(asking, 'route');
    expect(asked).toMatchObject({ backend: undefined, backendAddress: undefined, pool: 'default' });

    const full = await startProxy(way, {
      backends: [echo.address],
      maxPoolSessions: 1,
      queue: { length: 5, timeout: '1h' },
    });
    await openClient(portOf(full));
    const waiting = await connect(portOf(full));
    const sessions = await untilListed(full, 'one that waits', (some) =>
      some.some(({ phase }) => phase === 'queue'),
    );
    const queued = sessions.find(({ client }) => client.port === waiting.localPort);
    expect(queued).toMatchObject({ phase: 'queue', pool: 'default', backend: undefined });

    const listening = await startServer((socket) => socket.resume());
    const halved = await startProxy(way, { backends: [listening.address] });
    const client = await connect({ port: portOf(halved), allowHalfOpen: true });
    client.end('the last word');
    await untilOne(halved, 'half-closed', 13);
  });

  it('end by their ids, both sides with a reset, and no other does', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const stays = await openClient(portOf(proxy));
    const goes = await openClient(portOf(proxy));
    const of = (client: net.Socket) => ({ address: '127.0.0.1', port: client.localPort });
    const sessions = await proxy.sessions();
    const meant = sessions.find(({ client }) => client.port === of(goes).port) as SessionInfo;
    const ending = readToEnding(goes);
    expect(await proxy.endSessions([meant.id, 's', 'nobody', 'szzzzzzzzzz'])).toBe(1);
    expect((await within('the end', ending)).how).toBe('ECONNRESET');
    expect(await echoed(stays, 'still there')).toBe('still there');
    // Whoever has the slot now has another id.
    const later = await openClient(portOf(proxy));
    expect(await proxy.endSessions([meant.id])).toBe(0);
    expect(await echoed(later, 'there as well')).toBe('there as well');
    const ids = (await proxy.sessions()).map(({ id }) => id);
    expect(ids).not.toContain(meant.id);
    expect(await proxy.endSessions(ids)).toBe(2);
    expect(await proxy.sessions()).toEqual([]);
    expect(proxy.stats().sessions.open).toBe(0);
  });

  it('end by a filter, and those that a program knows say why', async () => {
    const [one, two] = await Promise.all([startEcho(), startEcho()]);
    const proxy = await startProxy(way, {
      backends: [`${one.address},name=one`, `${two.address},name=two`],
    });
    const seen = nextSession(proxy);
    const clients = [await openClient(portOf(proxy)), await openClient(portOf(proxy))];
    const session = await seen;
    const backend = session.backend as string;
    expect(await proxy.endSessions({ backend })).toBe(1);
    const summary = await within('the end', session.closed);
    expect(summary).toMatchObject({ reason: 'destroyed', backend, bytesUpstream: 5 });
    expect(summary.error?.code).toBe('ERR_SPLICEWAY_SESSION_DESTROYED');
    expect(await echoed(clients[1] as net.Socket, 'not meant')).toBe('not meant');
  });

  it('are those of handoff() as well', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [`${echo.address},name=echo`] });
    const { far, near } = await socketPair();
    const session = proxy.handoff(near);
    expect(await echoed(far, 'hello')).toBe('hello');
    const [info] = await proxy.sessions({ listener: 'handoff' });
    expect(info).toMatchObject({ listener: 'handoff', pool: 'default', backend: 'echo' });
    expect(await proxy.endSessions({ listener: 'handoff' })).toBe(1);
    expect((await within('the end', session.closed)).reason).toBe('destroyed');
  });

  it('are those as well that Node has still to write to', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const { far, near } = await socketPair();
    far.pause();
    while (near.write(Buffer.alloc(1 << 20)));
    const session = proxy.handoff(near);
    const [info] = await proxy.sessions();
    expect(info).toMatchObject({ listener: 'handoff', pool: 'default' });
    if (way !== 'stream') expect(info?.phase).toBe('accept');
    expect(await proxy.endSessions([info?.id ?? ''])).toBe(1);
    expect((await within('the end', session.closed)).reason).toBe('destroyed');
    expect(await proxy.sessions()).toEqual([]);
  });

  it('of a backend that is gone keep its name', async () => {
    const [one, two] = await Promise.all([startEcho(), startEcho()]);
    const proxy = await startProxy(way, {
      backends: [`${one.address},name=one`, `${two.address},name=two`],
    });
    await openClient(portOf(proxy));
    await openClient(portOf(proxy));
    await proxy.pool().remove('one');
    const sessions = await proxy.sessions({ backend: 'one' });
    expect(sessions.map(({ backendAddress }) => backendAddress)).toEqual([one.address]);
    expect(await proxy.endSessions({ backend: 'one' })).toBe(1);
  });

  it('are listed by several at once, while others come and go', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const staying = await Promise.all(Array.from({ length: 30 }, () => openClient(portOf(proxy))));
    let isOver = false;
    const comeAndGo = async () => {
      while (!isOver) (await openClient(portOf(proxy))).destroy();
    };
    const others = Promise.all([comeAndGo(), comeAndGo(), comeAndGo()]);
    for (let round = 0; round < 10; round++) {
      const lists = await Promise.all([proxy.sessions(), proxy.sessions(), proxy.sessions()]);
      for (const list of lists) {
        const ports = list.map(({ client }) => client.port);
        for (const { localPort } of staying) {
          expect(ports.filter((port) => port === localPort)).toHaveLength(1);
        }
        expect(new Set(list.map(({ id }) => id)).size).toBe(list.length);
      }
    }
    isOver = true;
    await others;
  });

  it('are those that are left while it drains, and none afterwards', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const client = await openClient(portOf(proxy));
    const ending = readToEnding(client);
    const closed = proxy.close({ drain: '1h' });
    expect(await proxy.sessions()).toHaveLength(1);
    expect(await proxy.endSessions({ client: '127.0.0.1' })).toBe(1);
    await within('the close', closed);
    expect((await ending).how).toBe('ECONNRESET');
    expect(await proxy.sessions()).toEqual([]);
    expect(await proxy.endSessions([idOf(0), idOf(1)])).toBe(0);
  });

  it('are ended by no id that nobody was given', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const client = await openClient(portOf(proxy));
    const [listed] = await proxy.sessions();
    // Slots that are free, that were never made, and that no engine has; with the next generation, and with one far off.
    const names = [1, 2, 201, 2 ** 19, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 40, 2 ** 51 + 201];
    const ids = names.map(idOf).filter((id) => id !== listed?.id);
    expect(await proxy.endSessions([...ids, 's0', `${listed?.id}0`, ''])).toBe(0);
    // By two at one time, and by one that says it twice, it is ended once.
    const id = listed?.id ?? '';
    const counts = await within('both', Promise.all([1, 2].map(() => proxy.endSessions([id, id]))));
    expect(Math.max(...counts)).toBe(1);
    expect((await readToEnding(client)).how).toBe('ECONNRESET');
  });

  it('are not ended by a mistake', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const client = await openClient(portOf(proxy));
    const wrong: unknown[] = [{}, { backend: undefined }, { backends: 'x' }, undefined, 's1'];
    for (const which of [
      ...wrong,
      { client: 'localhost' },
      { client: '10.0.0.0/33' },
      { pool: 7 },
    ]) {
      const ended = proxy.endSessions(which as SessionFilter);
      await expect(ended).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_INVALID_OPTION' });
    }
    await expect(proxy.sessions({ clint: '::1' } as SessionFilter)).rejects.toThrow(
      'did you mean "client"',
    );
    expect(await proxy.endSessions([])).toBe(0);
    expect(await echoed(client, 'unharmed')).toBe('unharmed');
  });
});
