/** handoff() with `onFailure: 'return'`: a client that no backend answered is its owner's again. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HandoffOptions } from '../src/proxy/options.js';
import { randomBytes } from './helpers/bytes.js';
import { within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { startProxy } from './helpers/proxies.js';
import { refusedAddress, startEcho } from './helpers/servers.js';
import { connect, guarded, readAll, readExactly, socketPair, write } from './helpers/sockets.js';

describe.each(engines)('a handoff that fails, with %s', (engine) => {
  it('gives the socket back with the error, and not a byte is lost', async () => {
    const backends = [await refusedAddress()];
    const proxy = await startProxy(engine, { listen: [], backends });
    const { near, far } = await socketPair();
    await write(far, 'head, buffered, ');
    const head = await readExactly(near, 6);
    const session = proxy.handoff(near, { head, onFailure: 'return' });
    const rest = randomBytes(1_000_000, 1);
    far.end(rest);
    const { reason, error, socket } = await within('the end', session.closed);
    expect(reason).toBe('no-backend');
    expect(error?.code).toBe('ERR_SPLICEWAY_NO_BACKEND');
    const returned = guarded(socket as Socket);
    const all = await readAll(returned);
    expect(String(all.subarray(0, 16))).toBe('head, buffered, ');
    expect(all.subarray(16).equals(rest)).toBe(true);
    returned.end('502');
    expect(String(await readAll(far))).toBe('502');
    expect(proxy.stats().sessions).toMatchObject({ open: 0, failed: 1 });
  });

  it('gives the socket back paused, and it stays so until the program reads', async () => {
    const proxy = await startProxy(engine, { listen: [], backends: [await refusedAddress()] });
    const { near, far } = await socketPair();
    await write(far, 'unread');
    const session = proxy.handoff(near, { onFailure: 'return' });
    const states: unknown[] = [];
    const look = (socket?: Socket) => states.push(socket?.isPaused(), socket?.readableFlowing);
    // At once, and when all that Node has put off is done.
    session.on('close', ({ socket }) => look(socket));
    const { socket } = await within('the end', session.closed);
    await new Promise(setImmediate);
    look(guarded(socket as Socket));
    expect(states).toEqual([true, false, true, false]);
    expect(String(await readExactly(socket as Socket, 6))).toBe('unread');
  });

  it('lets a gateway answer 502', async () => {
    const proxy = await startProxy(engine, { listen: [], backends: [await refusedAddress()] });
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await within('listening', once(server, 'listening'));
    server.on('upgrade', async (_request, socket, head) => {
      const session = proxy.handoff(guarded(socket as Socket), { head, onFailure: 'return' });
      (await session.closed).socket?.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    const client = await connect((server.address() as AddressInfo).port);
    client.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nmore');
    expect(String(await readAll(client))).toBe('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });

  it('leaves the socket good for another handoff', async () => {
    const [down, echo] = [await refusedAddress(), await startEcho()];
    const proxy = await startProxy(engine, { listen: [], backends: [down, echo.address] });
    const { near, far } = await socketPair();
    far.end('again');
    const first = proxy.handoff(near, { backend: down, onFailure: 'return' });
    const { socket } = await within('the end', first.closed);
    proxy.handoff(guarded(socket as Socket), { backend: echo.address });
    expect(String(await readAll(far))).toBe('again');
  });

  it('leaves its figures: it may be handed over with a head once more, or with a wrong one', async () => {
    const [down, echo] = [await refusedAddress(), await startEcho()];
    const proxy = await startProxy(engine, { listen: [], backends: [down, echo.address] });
    const { near, far } = await socketPair();
    far.write('head, ');
    let head = await readExactly(near, 6);
    let socket = near;
    for (let turn = 0; turn < 2; turn++) {
      const failed = proxy.handoff(socket, { backend: down, head, onFailure: 'return' });
      socket = guarded((await within('the end', failed.closed)).socket as Socket);
      // They are in its read buffer again, and would come twice.
      const twice = { backend: echo.address, head };
      expect(() => proxy.handoff(socket, twice)).toThrow('only 0 were read from the socket');
      head = await readExactly(socket, 6);
      expect(String(head)).toBe('head, ');
    }
    proxy.handoff(socket, { backend: echo.address, head });
    expect(String(await readAll(far.end('body')))).toBe('head, body');
  });

  it.each(['is open', 'has ended'])(
    'leaves a socket of HTTP that %s one that only the program can count',
    async (state) => {
      const [down, echo] = [await refusedAddress(), await startEcho()];
      const proxy = await startProxy(engine, { listen: [], backends: [down, echo.address] });
      const server = createServer().listen(0, '127.0.0.1');
      onTestFinished(() => void server.close());
      await within('listening', once(server, 'listening'));
      const upgrade = once(server, 'upgrade');
      const client = await connect((server.address() as AddressInfo).port);
      client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nmore');
      const [, upgraded, head] = (await within('the upgrade', upgrade)) as [
        unknown,
        Socket,
        Buffer,
      ];
      if (state === 'has ended') {
        const ended = once(guarded(upgraded).resume(), 'end');
        client.end();
        await within('the end of the client', ended);
      }
      const returns = { backend: down, head, onFailure: 'return' } as const;
      const failed = proxy.handoff(guarded(upgraded), returns);
      const socket = guarded((await within('the end', failed.closed)).socket as Socket);
      await readExactly(socket, 4);
      proxy.handoff(socket, { backend: echo.address, head: Buffer.from('rewritten') });
      if (state === 'is open') client.end(', body');
      const all = state === 'is open' ? 'rewritten, body' : 'rewritten';
      expect(String(await readAll(client))).toBe(all);
    },
  );

  it.each(['', 'a request'])(
    'gives back the head of a client that has ended: "%s"',
    async (head) => {
      const proxy = await startProxy(engine, { listen: [], backends: [await refusedAddress()] });
      const { near, far } = await socketPair();
      far.end(head);
      const read = head === '' ? undefined : await readExactly(near, head.length);
      const ended = new Promise((resolve) => near.once('end', resolve));
      near.resume();
      await within('the end', ended);
      const session = proxy.handoff(near, { head: read, onFailure: 'return' });
      const { socket } = await within('the end of the session', session.closed);
      const returned = guarded(socket as Socket);
      const again = new Promise((resolve) => returned.once('end', resolve));
      expect(String(await readAll(returned))).toBe(head);
      await within('the end once more', again);
      returned.end('502');
      expect(String(await readAll(far))).toBe('502');
    },
  );

  it('leaves a client that was given back alone when the session is destroyed after that', async () => {
    const proxy = await startProxy(engine, { listen: [], backends: [await refusedAddress()] });
    proxy.on('noBackend', ({ session }) => session.destroy());
    const { near, far } = await socketPair();
    const session = proxy.handoff(near, { onFailure: 'return' });
    session.on('error', () => session.destroy());
    const { socket } = await within('the end', session.closed);
    guarded(socket as Socket).end('502');
    expect(String(await readAll(far))).toBe('502');
  });

  it('returns nothing where a backend answers, and holds nothing then', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, { listen: [], backends: [echo.address] });
    const { near, far } = await socketPair();
    const session = proxy.handoff(near, { onFailure: 'return' });
    expect(String(await readAll(far.end('x')))).toBe('x');
    expect(await session.closed).toMatchObject({ reason: 'finished' });
    expect((await session.closed).socket).toBeUndefined();
  });

  it('returns nothing where the session is destroyed: the client is reset', async () => {
    const proxy = await startProxy(engine, { listen: [], backends: [await refusedAddress()] });
    const { near, far } = await socketPair();
    const gone = new Promise((resolve) => far.on('close', resolve));
    far.resume();
    const session = proxy.handoff(near, { onFailure: 'return' });
    session.destroy();
    expect((await within('the end', session.closed)).socket).toBeUndefined();
    await within('the reset', gone);
  });

  it('is an option that says what it may be', async () => {
    const proxy = await startProxy(engine, { listen: [], backends: ['127.0.0.1:1'] });
    const { near } = await socketPair();
    const options = { onFailure: 'retry' } as unknown as HandoffOptions;
    expect(() => proxy.handoff(near, options)).toThrow('choose close or return');
  });
});
