/** Two balancers that are each other's backend: what is counted, and that it harms no client that waits. */
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EventReader } from '../src/engine/stream/reader.js';
import { RelayPair, type RelayPairEvents } from '../src/engine/stream/relay-pair.js';
import { isOfThisMachine, RingGuard } from '../src/engine/stream/ring-guard.js';
import { until, within } from './helpers/deadline.js';
import { limitOpenFiles, openDescriptors } from './helpers/descriptors.js';
import { engines, ways } from './helpers/engines.js';
import { portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { refusedAddress, startServer, type TestServer } from './helpers/servers.js';
import {
  connect,
  guarded,
  readAll,
  readExactly,
  readToEnding,
  socketPair,
} from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

/** One more client that has ended its stream and said nothing, and its connection at the server. */
async function endSilently(proxy: RunningProxy, server: TestServer) {
  const index = server.sockets.length;
  const client = await connect(portOf(proxy));
  const backend = await server.socket(index);
  client.end();
  return { client, backend };
}

describe('the guard of rings', () => {
  it.each([4, 64, 1000])(
    'of %s: few are no crowd, nor are many while sessions are free',
    (limit) => {
      const many = Math.min(32, limit / 2);
      const passOn = () => {};
      let open = 0;
      const guard = new RingGuard(limit, () => open);
      while (open < limit) {
        open += 1;
        expect(guard.hasCrowd).toBe(false);
        if (open < many) expect(guard.noteSilentEnd(passOn)).toBe(false);
      }
      expect(guard.noteSilentEnd(passOn)).toBe(true);
      expect(guard.hasCrowd).toBe(true);
      guard.silentEndIsOver(passOn);
      expect(guard.hasCrowd).toBe(false);
    },
  );

  it('knows no crowd where nothing limits sessions', () => {
    const guard = new RingGuard(Number.POSITIVE_INFINITY, () => 1000);
    for (let count = 0; count < 1000; count++) {
      expect(guard.noteSilentEnd(() => {})).toBe(false);
    }
  });

  it('passes on what it held, once, when the crowd has gone', () => {
    const ends = Array.from({ length: 5 }, () => vi.fn());
    const guard = new RingGuard(6, () => 6);
    expect(ends.map((end) => guard.noteSilentEnd(end))).toEqual([false, false, true, true, true]);
    const [first, second, third, fourth, last] = ends;
    const passed = () => ends.map((end) => end.mock.calls.length);
    // Over while it was held.
    guard.silentEndIsOver(last as () => void);
    guard.silentEndIsOver(first as () => void);
    expect(passed()).toEqual([0, 0, 0, 0, 0]);
    guard.silentEndIsOver(second as () => void);
    expect(passed()).toEqual([0, 0, 1, 1, 0]);
    guard.silentEndIsOver(third as () => void);
    guard.silentEndIsOver(fourth as () => void);
    expect(passed()).toEqual([0, 0, 1, 1, 0]);
  });
});

describe('a client is of this machine', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::ffff:127.0.0.1', true],
    ['::1', true],
    ['10.0.0.127', false],
    ['::ffff:10.0.0.1', false],
    ['2001:db8::1', false],
  ])('that comes from %s: %s', (remoteAddress, isOne) => {
    expect(isOfThisMachine({ remoteAddress } as Socket)).toBe(isOne);
  });

  it('that has left already, but none of a Unix socket', () => {
    const left = { _handle: { reset: () => {} } } as unknown as Socket;
    expect(isOfThisMachine(left)).toBe(true);
    expect(isOfThisMachine({ _handle: {} } as unknown as Socket)).toBe(false);
  });
});

describe.each(ways)('clients of a proxy with %s that end their stream in silence', (way) => {
  const start = async (maxSessions: number) => {
    const server = await startServer();
    const options = { maxSessions, backends: [server.address], handshakeTimeout: 0 };
    return { server, proxy: await startProxy(way, options) };
  };

  it('wait for an answer, but not for long in the last sessions', async () => {
    const { server, proxy } = await start(100);
    const all = [];
    for (let count = 0; count < 49; count++) {
      const waiting = await endSilently(proxy, server);
      await readAll(waiting.backend);
      all.push(waiting);
    }
    // As many as are left.
    const last = await endSilently(proxy, server);
    const endings = [last.client, last.backend].map((socket) => readToEnding(socket));
    expect((await endings[0])?.how).toBe('ECONNRESET');
    // Node would not see a reset behind an end, and so a ring would go on.
    if (way === 'stream') expect((await endings[1])?.how).toBe('ECONNRESET');
    for (const { client, backend } of all) {
      backend.write('x');
      expect(String(await readExactly(client, 1))).toBe('x');
    }
  });

  it('are in no crowd when they were answered, or are gone', async () => {
    const { server, proxy } = await start(64);
    // Each time as many as are no crowd, unless those before are still counted.
    for (const isAnswered of [true, false, true, false]) {
      const all = [];
      for (let count = 0; count < 31; count++) {
        const waiting = await endSilently(proxy, server);
        await readAll(waiting.backend);
        if (isAnswered) {
          waiting.backend.write('x');
          await readExactly(waiting.client, 1);
        }
        all.push(waiting);
      }
      for (const { client, backend } of all) {
        backend.end();
        await readAll(client);
      }
      await until('their end', () => proxy.stats().sessions.open === 0);
    }
  });
});

describe.runIf(engines.includes('stream'))('in a crowd of the stream engine', () => {
  const startCrowd = async () => {
    const server = await startServer();
    const proxy = await startProxy('stream', { maxSessions: 4, backends: [server.address] });
    const note = vi.spyOn(RingGuard.prototype, 'noteSilentEnd');
    onTestFinished(() => note.mockRestore());
    const one = await endSilently(proxy, server);
    await readAll(one.backend);
    const other = await endSilently(proxy, server);
    await until('the other end', () => note.mock.results.length === 2);
    expect(note.mock.results.map(({ value }) => value)).toEqual([false, true]);
    return { proxy, one, other };
  };

  it('a client gets its answer, and its end is passed on then', async () => {
    const { other } = await startCrowd();
    other.backend.write('x');
    expect(String(await readExactly(other.client, 1))).toBe('x');
    await readAll(other.backend);
    other.backend.end('y');
    expect(String(await readAll(other.client))).toBe('y');
  });

  it('a client that waited for too long is out of it at once: no more are cut than make it one', async () => {
    const { proxy, other } = await startCrowd();
    const openThen: number[] = [];
    const over = vi.spyOn(RingGuard.prototype, 'silentEndIsOver').mockImplementation(() => {
      openThen.push(proxy.stats().sessions.open);
    });
    onTestFinished(() => over.mockRestore());
    expect((await readToEnding(other.client)).how).toBe('ECONNRESET');
    // Its own session is one of them, and nobody is told twice.
    await until('its end', () => proxy.stats().sessions.open === 1);
    expect(openThen).toEqual([2]);
  });

  it('no end of a Unix client is counted', async () => {
    const note = vi.spyOn(RingGuard.prototype, 'noteSilentEnd');
    onTestFinished(() => note.mockRestore());
    const server = await startServer();
    const path = tempPath('ring.sock');
    const options = { listen: `unix:${path}`, maxSessions: 4, backends: [server.address] };
    await startProxy('stream', options);
    for (const index of [0, 1, 2, 3]) {
      (await connect(path)).end();
      await readAll(await server.socket(index));
    }
    expect(note).not.toHaveBeenCalled();
  });

  it.each([
    ['is answered', (backend: Socket) => backend.write('x')],
    ['is over', (backend: Socket) => backend.end()],
  ])('the end of a client is passed on when another one %s', async (_, change) => {
    const { one, other } = await startCrowd();
    change(one.backend);
    await readAll(other.backend);
    other.backend.end('y');
    expect(String(await readAll(other.client))).toBe('y');
  });
});

describe.runIf(engines.includes('stream'))(
  'a ring of the stream engine without maxSessions',
  () => {
    it('ends when descriptors run out, if its client has ended its stream', async () => {
      const between = await refusedAddress();
      const first = await startProxy('stream', { backends: [between] });
      const backends = [`127.0.0.1:${portOf(first)}`];
      const second = await startProxy('stream', { listen: between, backends });
      const open = () => [first, second].map((proxy) => proxy.stats().sessions.open);
      limitOpenFiles(openDescriptors().total + 200);
      const client = await connect(portOf(first));
      await until('some rounds', () => open().every((count) => count >= 10));
      client.end();
      await until('the end of the ring', () => open().every((count) => count === 0));
    });
  },
);

describe('two sockets, and the end of the client in silence', () => {
  /** A pair whose far ends are the test's. */
  const startPair = async (events: Partial<RelayPairEvents>) => {
    const [client, backend] = [await socketPair(), await socketPair()];
    const closed = new Promise<string>((resolve) => {
      const timeouts = {
        connectMs: 0,
        search: { budgetMs: 0, attempts: 0, abortOnClose: false },
        idleMs: 0,
        halfCloseMs: 0,
        handshakeMs: 0,
        earlyResetMs: 0,
        maxAgeMs: 0,
      };
      const readers = [new EventReader(client.near), new EventReader(backend.near)] as const;
      new RelayPair(...readers, timeouts, {
        onBytes: () => {},
        onFirstByte: () => {},
        onSideOver: () => {},
        onSilentEnd: () => true,
        onHeldForLong: () => true,
        onClose: ({ reason }) => resolve(reason),
        ...events,
      }).start();
    });
    return { client: guarded(client.far), backend: guarded(backend.far), closed };
  };

  it('are both reset, with no end before, when it was held back for long', async () => {
    const { client, backend, closed } = await startPair({});
    client.end();
    const endings = [client, backend].map((socket) => readToEnding(socket));
    expect((await Promise.all(endings)).map(({ how }) => how)).toEqual([
      'ECONNRESET',
      'ECONNRESET',
    ]);
    expect(await within('the close', closed)).toBe('half-close-timeout');
  });

  it('it is passed on after a while where there is no crowd any more', async () => {
    const { client, backend, closed } = await startPair({ onHeldForLong: () => false });
    client.end();
    await readAll(backend);
    backend.end('x');
    expect(String(await readAll(client))).toBe('x');
    expect(await within('the close', closed)).toBe('finished');
  });

  it.each([
    ['says a word', (backend: Socket) => backend.write('x')],
    ['ends its stream', (backend: Socket) => backend.end()],
  ])('it is passed on when the backend %s', async (_, act) => {
    const far: Socket[] = [];
    const onSilentEnd = () => {
      for (const backend of far) act(backend);
      return true;
    };
    const { client, backend, closed } = await startPair({ onSilentEnd });
    far.push(backend);
    const ended = readAll(client);
    client.end();
    await readAll(backend);
    backend.end();
    await ended;
    expect(await within('the close', closed)).toBe('finished');
  });

  it('it is no such end when somebody has said a word, or the backend has ended', async () => {
    const onSilentEnd = vi.fn(() => true);
    const acts: ((client: Socket, backend: Socket) => Promise<unknown>)[] = [
      async (client, backend) => {
        client.write('x');
        await readExactly(backend, 1);
      },
      async (client, backend) => {
        backend.write('x');
        await readExactly(client, 1);
      },
      async (client, backend) => {
        backend.end();
        await readAll(client);
      },
    ];
    for (const act of acts) {
      const { client, backend, closed } = await startPair({ onSilentEnd });
      await act(client, backend);
      client.end();
      await readAll(backend);
      backend.end();
      expect(await within('the close', closed)).toBe('finished');
    }
    expect(onSilentEnd).not.toHaveBeenCalled();
  });
});
