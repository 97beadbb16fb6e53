/** Idle, half-close and handshake timeouts. Bytes that move keep a session alive. */
import { describe, expect, it } from 'vitest';
import { randomBytes } from './helpers/bytes.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer, startSink } from './helpers/servers.js';
import { connect, readAll, readExactly, readToEnding } from './helpers/sockets.js';

describe.each(ways)('timeouts with %s', (way) => {
  it('closes an idle session on both sides, without a reset', async () => {
    const endings: ReturnType<typeof readToEnding>[] = [];
    const backend = await startServer((socket) => endings.push(readToEnding(socket)));
    const proxy = await startProxy(way, { backends: [backend.address], idleTimeout: '100ms' });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    expect((await readToEnding(client)).how).toBe('end');
    const { reason, error, durationMs } = await summary;
    expect(reason).toBe('idle-timeout');
    expect(error?.code).toBe('ERR_SPLICEWAY_SESSION_TIMEOUT');
    expect(durationMs).toBeGreaterThanOrEqual(95);
    expect((await endings[0])?.how).toBe('end');
  });

  it('does not close a session that moves a byte now and then', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      idleTimeout: '1s',
    });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    const begin = performance.now();
    await until('some time beyond the timeout', () => {
      if (client.writableLength === 0 && client.readableLength === 0) client.write('x');
      client.read();
      return performance.now() - begin > 2000;
    });
    const session = await started;
    expect(session.state).toBe('open');
    client.resume().end();
    expect((await session.closed).reason).toBe('finished');
  });

  it('closes a half-closed session in which nothing moves any more', async () => {
    const backend = await startServer((socket) => socket.resume());
    const proxy = await startProxy(way, {
      backends: [backend.address],
      halfCloseTimeout: '100ms',
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    client.end('last words');
    expect((await readToEnding(client)).how).toBe('end');
    expect(await summary).toMatchObject({ reason: 'half-close-timeout', bytesUpstream: 10 });
  });

  it('lets a half-closed session go on while its other way moves', async () => {
    const backend = await startServer((socket) => {
      socket.resume();
      socket.once('end', () => {
        let left = 30;
        const timer = setInterval(() => {
          socket.write('.');
          left -= 1;
          if (left > 0) return;
          clearInterval(timer);
          socket.end();
        }, 50);
      });
    });
    const proxy = await startProxy(way, {
      backends: [backend.address],
      halfCloseTimeout: '1s',
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    client.end();
    expect(String(await readAll(client))).toBe('.'.repeat(30));
    expect((await summary).reason).toBe('finished');
  });

  it('resets both sides at a timeout with bytes pending: the end would be a lie', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address], idleTimeout: '500ms' });
    const summary = nextSummary(proxy);
    // More than the kernel's buffers take, and nobody reads.
    const data = randomBytes(64_000_000, 1);
    const client = await connect(portOf(proxy));
    const ending = readToEnding(client);
    client.write(data);
    expect((await summary).reason).toBe('idle-timeout');
    // EPIPE: the client was writing when the reset came.
    expect(['ECONNRESET', 'EPIPE']).toContain((await ending).how);
    const sink = await backend.socket(0);
    expect((await readToEnding(sink)).how).toBe('ECONNRESET');
  });

  it('closes a session in which neither side has said anything, long before it is idle', async () => {
    const backend = await startServer();
    const proxy = await startProxy(way, {
      backends: [backend.address],
      handshakeTimeout: '100ms',
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    expect((await readToEnding(client)).how).toBe('end');
    const { reason, error, durationMs } = await summary;
    expect(reason).toBe('handshake-timeout');
    expect(error?.code).toBe('ERR_SPLICEWAY_SESSION_TIMEOUT');
    expect(durationMs).toBeGreaterThanOrEqual(95);
  });

  it.each(['client', 'backend'])(
    'has the handshake done by the first byte of the %s',
    async (who) => {
      const backend = await startServer((socket) => {
        if (who === 'backend') socket.write('x');
      });
      const proxy = await startProxy(way, {
        backends: [backend.address],
        handshakeTimeout: '300ms',
        idleTimeout: '900ms',
      });
      const summary = nextSummary(proxy);
      const client = await connect(portOf(proxy));
      if (who === 'client') client.write('x');
      client.resume();
      const { reason, durationMs } = await summary;
      expect(reason).toBe('idle-timeout');
      expect(durationMs).toBeGreaterThanOrEqual(895);
    },
  );

  it('has no timeouts with 0', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      idleTimeout: 0,
      halfCloseTimeout: 0,
      handshakeTimeout: 0,
      connectTimeout: 0,
    });
    const client = await connect(portOf(proxy));
    client.write('x');
    expect(String(await readExactly(client, 1))).toBe('x');
  });
});
