/** handoff() with `onFailure: 'return'`: a client that no backend answered is its owner's again. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HandoffOptions } from '../src/index.js';
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
