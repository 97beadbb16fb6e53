/** `head`: what a program has read from a socket goes on with it, first, once, and in its order. */
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SplicewayError } from '../src/errors/catalogue.js';
import { join } from '../src/proxy/join.js';
import type { HandoffOptions } from '../src/proxy/options.js';
import { randomBytes } from './helpers/bytes.js';
import { within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { type RunningProxy, startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { connect, guarded, readAll, readExactly, socketPair, write } from './helpers/sockets.js';

/** What the call throws. */
function errorOf(call: () => unknown): SplicewayError | undefined {
  try {
    call();
  } catch (error) {
    return error as SplicewayError;
  }
  return undefined;
}

/** A server of `node:http`, closed when the test ends. */
async function startHttp(): Promise<{ server: ReturnType<typeof createHttpServer>; port: number }> {
  const server = createHttpServer();
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await within('listening', once(server, 'listening'));
  return { server, port: (server.address() as AddressInfo).port };
}

const socketOf = (duplex: Duplex): Socket => guarded(duplex as Socket);

describe.each(engines)('head, with %s', (engine) => {
  async function echoProxy(): Promise<RunningProxy> {
    const echo = await startEcho();
    return startProxy(engine, { listen: [], backends: [echo.address] });
  }

  it('of a socket that is peeked at comes before all that follows it', async () => {
    const proxy = await echoProxy();
    const { near, far } = await socketPair();
    const bytes = randomBytes(1_000_000, 1);
    const answer = readAll(far);
    const peeked = once(near, 'data');
    far.end(bytes);
    const [head] = (await within('the first bytes', peeked)) as [Buffer];
    const session = proxy.handoff(near.pause(), { head });
    head.fill(0); // A program may use its buffer again.
    expect((await answer).equals(bytes)).toBe(true);
    expect(await session.closed).toMatchObject({ bytesUpstream: bytes.length });
  });

  it('may be the ClientHello of a real TLS client, who notices nothing', async () => {
    // A key that both know, instead of a certificate.
    const [ciphers, psk] = ['PSK', Buffer.from('known to both')];
    const secure = createTlsServer({ ciphers, pskCallback: () => psk }, (socket) =>
      socket.pipe(socket),
    );
    onTestFinished(() => void secure.close());
    secure.listen(0, '127.0.0.1');
    await within('listening', once(secure, 'listening'));
    const address = `127.0.0.1:${(secure.address() as AddressInfo).port}`;
    const proxy = await startProxy(engine, { listen: [], backends: [address] });
    const front = await startServer((socket) => {
      socket.once('data', (head) => {
        expect(head[0]).toBe(22);
        proxy.handoff(socket.pause(), { head });
      });
    });
    const client = connectTls({
      ...{ port: front.port, host: '127.0.0.1', ciphers },
      ...{ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      pskCallback: () => ({ psk, identity: 'test' }),
      checkServerIdentity: () => undefined,
    });
    guarded(client).write('secret');
    expect(String(await readExactly(client, 6))).toBe('secret');
  });

  it('goes with what is still in the read buffer', async () => {
    const proxy = await echoProxy();
    const { near, far } = await socketPair();
    await write(far, 'first, second');
    const head = await readExactly(near, 5);
    expect(near.readableLength).toBeGreaterThan(0);
    proxy.handoff(near, { head });
    far.end(', third');
    expect(String(await readAll(far))).toBe('first, second, third');
  });

  it('may be all that the client ever said', async () => {
    const proxy = await echoProxy();
    const { near, far } = await socketPair();
    far.end('question');
    const head = await readAll(near);
    expect(near.readableEnded).toBe(true);
    proxy.handoff(near, { head });
    expect(String(await readAll(far))).toBe('question');
  });

  it('may be empty', async () => {
    const proxy = await echoProxy();
    const { near, far } = await socketPair();
    proxy.handoff(near, { head: Buffer.alloc(0) });
    expect(String(await readAll(far.end('x')))).toBe('x');
  });

  it('is refused where bytes went elsewhere, and the socket is still its owner’s', async () => {
    const proxy = await echoProxy();
    const { near, far } = await socketPair();
    far.write('0123456789');
    await readExactly(near, 4);
    const head = await readExactly(near, 6);
    const error = errorOf(() => proxy.handoff(near, { head }));
    expect(error?.code).toBe('ERR_SPLICEWAY_HEAD_MISMATCH');
    expect(error?.message).toMatch(/^10 bytes were read from the socket, and head has 6: .*pause/);
    far.end('x');
    expect(String(await readAll(near))).toBe('x');
  });

  it('is refused where its bytes were put back as well: they would come twice', async () => {
    const proxy = await echoProxy();
    const { near, far } = await socketPair();
    far.write('0123456789');
    const head = await readExactly(near, 10);
    near.unshift(head);
    const error = errorOf(() => proxy.handoff(near, { head }));
    expect(error?.code).toBe('ERR_SPLICEWAY_HEAD_MISMATCH');
    expect(error?.message).toMatch(/^head has 10 bytes, and only 0 were read .* put nothing back/);
    proxy.handoff(near);
    expect(String(await readAll(far.end()))).toBe('0123456789');
  });

  it('is refused where it is text', async () => {
    const proxy = await echoProxy();
    const { near } = await socketPair();
    const options = { head: 'GET /' } as unknown as HandoffOptions;
    expect(errorOf(() => proxy.handoff(near, options))?.code).toBe('ERR_SPLICEWAY_INVALID_OPTION');
  });

  it('loses nothing to a listener of data while Node still writes', async () => {
    const proxy = await echoProxy();
    const { near, far } = await socketPair();
    const eaten: Buffer[] = [];
    far.write('head');
    const [head] = (await within('the first bytes', once(near, 'data'))) as [Buffer];
    // More than the kernel takes from who is not read: the socket stays with Node for a while.
    const greeting = randomBytes(16_000_000, 2);
    near.write(greeting);
    near.on('data', (chunk: Buffer) => eaten.push(chunk));
    proxy.handoff(near, { head });
    await write(far, ', body');
    const answer = readAll(far);
    far.end();
    const all = await answer;
    expect(eaten).toEqual([]);
    expect(all.subarray(0, greeting.length).equals(greeting)).toBe(true);
    expect(String(all.subarray(greeting.length))).toBe('head, body');
  });

  it('of join() and backHead go each its way', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    left.far.write('to the right');
    right.far.write('to the left');
    const head = await readExactly(left.near, 12);
    const backHead = await readExactly(right.near, 11);
    const session = join(left.near, right.near, { engine, head, backHead });
    left.far.end('!');
    right.far.end('?');
    expect(String(await readAll(right.far))).toBe('to the right!');
    expect(String(await readAll(left.far))).toBe('to the left?');
    expect(await within('the end', session.closed)).toMatchObject({
      bytesUpstream: 13,
      bytesDownstream: 12,
    });
  });

  it('of join() names the side that it is wrong for', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    const backHead = Buffer.from('nobody said so');
    const error = errorOf(() => join(left.near, right.near, { engine, backHead }));
    expect(error?.message).toMatch(/^backHead has 14 bytes, and only 0 were read/);
    join(left.near, right.near, { engine });
    left.far.end();
    expect(String(await readAll(right.far.end()))).toBe('');
  });
});

describe.each(engines)('sockets of node:http, with %s', (engine) => {
  it('go on after an upgrade with the head of its event', async () => {
    const backend = await startEcho();
    const proxy = await startProxy(engine, { listen: [], backends: [backend.address] });
    const { server, port } = await startHttp();
    server.on('upgrade', (_request, socket, head) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
      );
      proxy.handoff(socketOf(socket), { head });
    });
    const client = await connect(port);
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst');
    client.end(', second');
    const [, body] = String(await readAll(client)).split('\r\n\r\n');
    expect(body).toBe('first, second');
  });

  it('are joined after CONNECT', async () => {
    const backend = await startEcho();
    const { server, port } = await startHttp();
    server.on('connect', async (_request, socket, head) => {
      const other = await connect(backend.port);
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      join(socketOf(socket), other, { engine, head });
    });
    const client = await connect(port);
    client.end('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nfirst');
    const [, body] = String(await readAll(client)).split('\r\n\r\n');
    expect(body).toBe('first');
  });

  it('are joined behind a client whose request was answered with an upgrade', async () => {
    // The answer and the first words behind it come in one piece.
    const server = await startServer((socket) => {
      socket.once('data', () => {
        socket.pipe(socket);
        socket.write('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nwelcome, ');
      });
    });
    const headers = { connection: 'Upgrade', upgrade: 'echo' };
    const upgrade = request({ host: '127.0.0.1', port: server.port, headers });
    const upgraded = once(upgrade, 'upgrade');
    upgrade.end();
    const [, socket, backHead] = (await within('the upgrade', upgraded)) as [
      unknown,
      Socket,
      Buffer,
    ];
    expect(String(backHead)).toBe('welcome, ');
    const { near, far } = await socketPair();
    join(near, guarded(socket), { engine, backHead });
    expect(String(await readAll(far.end('friend')))).toBe('welcome, friend');
  });

  it('are refused while the parser reads from them', async () => {
    const backend = await startEcho();
    const proxy = await startProxy(engine, { listen: [], backends: [backend.address] });
    const { server, port } = await startHttp();
    const errors: (SplicewayError | undefined)[] = [];
    server.on('request', ({ socket }, response) => {
      errors.push(errorOf(() => proxy.handoff(socket)));
      errors.push(errorOf(() => join(socket, socket, { engine })));
      response.end('still HTTP');
    });
    const asked = request({ host: '127.0.0.1', port, agent: false });
    asked.on('response', (response) => {
      errors.push(errorOf(() => proxy.handoff(response.socket)));
      response.resume();
    });
    const over = once(asked, 'close');
    asked.end();
    await within('the end of the request', over);
    for (const error of errors) {
      expect(error?.code).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
      expect(error?.message).toMatch(/an HTTP parser reads from the socket.*'upgrade'/);
    }
    expect(errors).toHaveLength(3);
  });
});
