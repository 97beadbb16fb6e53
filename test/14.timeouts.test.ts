/** Idle, half-close and handshake timeouts. Bytes that move keep a session alive. */
import { describe, expect, it } from 'vitest';
import { randomBytes } from './helpers/bytes.js';
import { until, withTimeEnough } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer, startSink } from './helpers/servers.js';
import { connect, readExactly, readToEnding, write } from './helpers/sockets.js';

/** How long nothing moved at most, and how long it has gone on. */
class Gaps {
  readonly #begin = performance.now();
  #last = this.#begin;
  #longest = 0;

  moved(): void {
    this.#longest = this.longest;
    this.#last = performance.now();
  }

  /** Milliseconds, of those until now. */
  get longest(): number {
    return Math.max(this.#longest, performance.now() - this.#last);
  }

  get seconds(): number {
    return (performance.now() - this.#begin) / 1000;
  }
}

describe.each(ways)('timeouts with %s', (way) => {
  it('closes an idle session on both sides, without a reset', async () => {
    const endings: ReturnType<typeof readToEnding>[] = [];
    const backend = await startServer((socket) => endings.push(readToEnding(socket)));
    const proxy = await startProxy(way, { backends: [backend.address], idleTimeout: '100ms' });
    const summary = nextSummary(proxy);
    const begin = performance.now();
    const client = await connect(portOf(proxy));
    expect((await readToEnding(client)).how).toBe('end');
    const { reason, error } = await summary;
    expect(reason).toBe('idle-timeout');
    expect(error?.code).toBe('ERR_SPLICEWAY_SESSION_TIMEOUT');
    expect(performance.now() - begin).toBeGreaterThanOrEqual(95);
    expect((await endings[0])?.how).toBe('end');
  });

  it('does not close a session that moves a byte now and then', async () => {
    const backend = await startEcho();
    await withTimeEnough(500, async (ms) => {
      const proxy = await startProxy(way, { backends: [backend.address], idleTimeout: ms });
      const started = nextSession(proxy);
      const client = await connect(portOf(proxy));
      const gaps = new Gaps();
      await until('some time beyond the timeout', () => {
        client.write('x');
        if (client.read() !== null) gaps.moved();
        return gaps.seconds > (2.5 * ms) / 1000;
      });
      const session = await started;
      const { state } = session;
      client.resume().end();
      const { reason } = await session.closed;
      if (gaps.longest > ms / 2) return false;
      expect({ state, reason }).toEqual({ state: 'open', reason: 'finished' });
      return true;
    });
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
    await withTimeEnough(500, async (ms) => {
      const gaps = new Gaps();
      const backend = await startServer((socket) => {
        socket.resume();
        socket.once('end', () => {
          gaps.moved();
          const timer = setInterval(() => {
            gaps.moved();
            socket.write('.');
            if (gaps.seconds < (2.5 * ms) / 1000) return;
            clearInterval(timer);
            socket.end();
          }, 20);
        });
      });
      const proxy = await startProxy(way, { backends: [backend.address], halfCloseTimeout: ms });
      const summary = nextSummary(proxy);
      const client = await connect(portOf(proxy));
      client.end();
      const { data, how } = await readToEnding(client);
      const { reason, bytesDownstream } = await summary;
      if (gaps.longest > ms / 2) return false;
      expect({ how, reason }).toEqual({ how: 'end', reason: 'finished' });
      expect(data.length).toBe(bytesDownstream);
      return true;
    });
  });

  it('resets both sides at a timeout with bytes pending: the end would be a lie', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address], idleTimeout: '2s' });
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
    const begin = performance.now();
    const client = await connect(portOf(proxy));
    expect((await readToEnding(client)).how).toBe('end');
    const { reason, error } = await summary;
    expect(reason).toBe('handshake-timeout');
    expect(error?.code).toBe('ERR_SPLICEWAY_SESSION_TIMEOUT');
    expect(performance.now() - begin).toBeGreaterThanOrEqual(95);
  });

  it.each(['client', 'backend'])(
    'has the handshake done by the first byte of the %s',
    async (who) => {
      const backend = await startServer((socket) => {
        if (who === 'backend') socket.write('x');
      });
      await withTimeEnough(300, async (ms) => {
        const proxy = await startProxy(way, {
          backends: [backend.address],
          handshakeTimeout: ms,
          idleTimeout: 3 * ms,
        });
        const summary = nextSummary(proxy);
        const begin = performance.now();
        const client = await connect(portOf(proxy));
        if (who === 'client') await write(client, 'x');
        else await readExactly(client, 1).catch(() => {});
        const wasQuick = performance.now() - begin < ms / 2;
        client.resume();
        const { reason } = await summary;
        if (!wasQuick) return false;
        expect(reason).toBe('idle-timeout');
        expect(performance.now() - begin).toBeGreaterThanOrEqual(3 * ms - 5);
        return true;
      });
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
