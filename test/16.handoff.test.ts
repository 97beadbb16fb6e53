/** handoff(): a socket that another server accepted goes to a backend. */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { randomBytes } from './helpers/bytes.js';
import { within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { nextSession, type RunningProxy, startProxy } from './helpers/proxies.js';
import {
  refusedAddress,
  startEcho,
  startNamed,
  startServer,
  type TestServer,
} from './helpers/servers.js';
import { guarded, readAll, readExactly, socketPair, write } from './helpers/sockets.js';

/** The code of what the handoff throws. */
function refusal(proxy: RunningProxy, socket: Socket, backend?: string): string {
  try {
    proxy.handoff(socket, { backend });
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
}

describe.each(engines)('handoff with %s', (engine) => {
  async function echoProxy(): Promise<{ proxy: RunningProxy; echo: TestServer }> {
    const echo = await startEcho();
    return { proxy: await startProxy(engine, { listen: [], backends: [echo.address] }), echo };
  }

  it('relays a socket that nobody read from', async () => {
    const { proxy, echo } = await echoProxy();
    const { near, far } = await socketPair({ pauseOnConnect: true });
    const started = nextSession(proxy);
    const session = proxy.handoff(near);
    expect(await started).toBe(session);
    expect(session).toMatchObject({ listener: 'handoff', state: 'connecting', id: 1 });
    const data = randomBytes(500_000, 1);
    const answer = readAll(far);
    far.end(data);
    expect((await answer).equals(data)).toBe(true);
    expect(await session.closed).toMatchObject({ reason: 'finished', backend: echo.address });
    const { handoff, sessions, listeners } = proxy.stats();
    expect(handoff).toMatchObject({ opened: 1, open: 0, bytesUpstream: data.length });
    expect(sessions.opened).toBe(1);
    expect(listeners).toEqual([]);
  });

  it('rule 13: sends first what was read already and put back, then the rest', async () => {
    const { proxy } = await echoProxy();
    const { near, far } = await socketPair();
    far.write('GET /');
    const head = await readExactly(near, 5);
    near.unshift(head);
    const session = proxy.handoff(near);
    far.end(' and more');
    expect(String(await readAll(far))).toBe('GET / and more');
    expect((await session.closed).bytesUpstream).toBe(14);
  });

  it('rule 13: sends what is in the read buffer of a socket that was being read', async () => {
    const { proxy } = await echoProxy();
    const { near, far } = await socketPair();
    const data = randomBytes(200_000, 2);
    far.end(data);
    await within('data to read', once(near, 'readable'));
    expect(near.readableLength).toBeGreaterThan(0);
    proxy.handoff(near);
    expect((await readAll(far)).equals(data)).toBe(true);
  });

  it('takes a client that has ended already and waits for the answer', async () => {
    const answering = await startServer((socket) => {
      void readAll(socket).then(() => socket.end('answer'));
    });
    const proxy = await startProxy(engine, { listen: [], backends: [answering.address] });
    const { near, far } = await socketPair();
    far.end();
    expect((await readAll(near)).length).toBe(0);
    const session = proxy.handoff(near);
    expect(String(await readAll(far))).toBe('answer');
    expect((await session.closed).reason).toBe('finished');
  });

  it('takes a client whose data and end are both in the read buffer', async () => {
    const { proxy } = await echoProxy();
    const { near, far } = await socketPair();
    far.end('question');
    await within('the data', once(near, 'readable'));
    const session = proxy.handoff(near);
    expect(String(await readAll(far))).toBe('question');
    expect((await session.closed).bytesUpstream).toBe(8);
  });

  it('is not disturbed by listeners, pipes and timeouts of the one who had the socket', async () => {
    const { proxy } = await echoProxy();
    const { near, far } = await socketPair();
    const stolen: Buffer[] = [];
    near.on('data', (chunk: Buffer) => stolen.push(chunk));
    near.on('end', () => near.destroy());
    near.setTimeout(50, () => near.destroy());
    near.pipe(guarded(new Socket()));
    near.unpipe();
    proxy.handoff(near);
    await write(far, 'one');
    expect(String(await readExactly(far, 3))).toBe('one');
    far.end('two');
    expect(String(await readAll(far))).toBe('two');
    expect(stolen).toEqual([]);
  });

  it('takes no socket twice, nor one whose queued writes it waits for', async () => {
    const { proxy } = await echoProxy();
    for (const queued of [0, 8_000_000]) {
      const { near, far } = await socketPair({ pauseOnConnect: true });
      near.write(Buffer.alloc(queued));
      expect(near.writableLength > 0).toBe(queued > 0);
      const session = proxy.handoff(near);
      expect(refusal(proxy, near)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
      if (queued > 0) await readExactly(far, queued);
      far.end('once');
      expect(String(await readAll(far))).toBe('once');
      expect(await session.closed).toMatchObject({ reason: 'finished', bytesUpstream: 4 });
    }
  });

  it('gives the socket to the backend that is named, in any spelling', async () => {
    const a = await startNamed('a');
    const b = await startNamed('b');
    const proxy = await startProxy(engine, { listen: [], backends: [a.address, b.address] });
    for (const [backend, name] of [
      [b.address, 'b'],
      [b.address, 'b'],
      [a.address.replace(':', ':0'), 'a'],
    ] as const) {
      const { near, far } = await socketPair();
      proxy.handoff(near, { backend });
      expect(String(await readAll(far))).toBe(name);
    }
  });

  it('tries only the backend that is named', async () => {
    const down = await refusedAddress();
    const { address } = await startNamed('x');
    const proxy = await startProxy(engine, { listen: [], backends: [down, address] });
    const { near, far } = await socketPair();
    const session = proxy.handoff(near, { backend: down });
    expect((await session.closed).reason).toBe('no-backend');
    expect((await readAll(far)).length).toBe(0);
    expect(proxy.stats().handoff).toMatchObject({ opened: 1, failed: 1 });
  });

  it('refuses a backend that it does not have, and leaves the socket alone', async () => {
    const { proxy, echo } = await echoProxy();
    const { near, far } = await socketPair();
    expect(refusal(proxy, near, '127.0.0.1:1')).toBe('ERR_SPLICEWAY_UNKNOWN_BACKEND');
    expect(refusal(proxy, near, 'nonsense')).toBe('ERR_SPLICEWAY_INVALID_ADDRESS');
    expect(() => proxy.handoff(near, { backend: '127.0.0.1:1' })).toThrow(echo.address);
    near.write('still mine');
    expect(String(await readExactly(far, 10))).toBe('still mine');
  });

  it('refuses sockets that cannot be used, each with its reason', async () => {
    const { proxy } = await echoProxy();
    const destroyed = (await socketPair()).near.destroy();
    expect(refusal(proxy, destroyed)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    const ended = (await socketPair()).near.end();
    expect(refusal(proxy, ended)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    expect(refusal(proxy, new Socket())).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    const connecting = guarded(new Socket()).connect({ port: 1, host: '127.0.0.1' });
    expect(refusal(proxy, connecting)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    const decoded = (await socketPair()).near.setEncoding('utf8');
    expect(refusal(proxy, decoded)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    expect(refusal(proxy, {} as Socket)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    expect(proxy.stats().handoff.opened).toBe(0);
  });

  it('refuses a TLS socket', async () => {
    const { proxy } = await echoProxy();
    const { near } = await socketPair();
    const socket = guarded(new TLSSocket(near, { isServer: true }));
    expect(refusal(proxy, socket)).toBe('ERR_SPLICEWAY_TLS_SOCKET');
  });

  it('refuses options that it does not have, and leaves the socket alone', async () => {
    const { proxy, echo } = await echoProxy();
    const { near, far } = await socketPair();
    for (const options of [{ backends: echo.address }, null, echo.address]) {
      expect(() => proxy.handoff(near, options as never)).toThrow(
        expect.objectContaining({ code: 'ERR_SPLICEWAY_INVALID_OPTION' }),
      );
    }
    near.write('still mine');
    expect(String(await readExactly(far, 10))).toBe('still mine');
  });
});
