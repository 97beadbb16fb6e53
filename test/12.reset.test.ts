/** A reset of one side is a reset of the other, after what was received before it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { randomBytes } from './helpers/bytes.js';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startHasty, startServer, startSink } from './helpers/servers.js';
import {
  connect,
  type Ending,
  readExactly,
  readToEnding,
  reset,
  socketPair,
  write,
} from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

it('closes a socket that is reset while its end is on its way', async () => {
  const { near, far } = await socketPair();
  const ending = readToEnding(far);
  near.end();
  reset(near);
  await within('the close', once(near, 'close'));
  // The end comes first, and the reset takes it back only from who has not looked yet.
  expect(['end', 'ECONNRESET', 'EPIPE']).toContain((await ending).how);
});

it('gets a connection that was reset before it looked', async () => {
  const { address, waitForReset } = await startHasty();
  const connecting = connect(Number(address.split(':')[1]));
  // Node connects in the next tick, and looks after all of them.
  process.nextTick(waitForReset);
  expect((await readToEnding(await connecting)).how).toBe('ECONNRESET');
});

/** Waits for the other side's end, says so, and sends everything, with an urgent byte in it. */
const URGENT_CLIENT = `
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.recv(1)
print('ended', flush=True)
s.send(b'abc')
s.send(b'!', socket.MSG_OOB)
s.send(b'd' * 70)
s.shutdown(socket.SHUT_WR)
open(sys.argv[2], 'w').close()
sys.stdin.readline()
`;

describe.each(ways)('resets with %s', (way) => {
  it('passes on a reset of the client, its data first', async () => {
    const endings: ReturnType<typeof readToEnding>[] = [];
    const backend = await startServer((socket) => endings.push(readToEnding(socket)));
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    const data = randomBytes(100_000, 1);
    await write(client, data);
    const session = await started;
    await until('the bytes to arrive', () => session.bytesUpstream === data.length);
    reset(client);
    const summary = await session.closed;
    expect(summary.reason).toBe('reset');
    expect(summary.error?.code).toBe('ERR_SPLICEWAY_SESSION_RESET');
    const ending = await endings[0];
    expect(ending?.how).toBe('ECONNRESET');
    expect(ending?.data.equals(data)).toBe(true);
  });

  it('passes on a reset of the backend, its data first', async () => {
    const data = randomBytes(100_000, 2);
    const backend = await startServer((socket) => {
      socket.write(data);
      socket.once('data', () => reset(socket));
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    const first = await readExactly(client, data.length);
    const ending = readToEnding(client);
    client.write('die');
    expect((await ending).how).toBe('ECONNRESET');
    expect(first.equals(data)).toBe(true);
    expect((await summary).reason).toBe('reset');
  });

  it('delivers what came right before the reset to a client that has not read yet', async () => {
    const data = randomBytes(50_000, 3);
    const backend = await startServer((socket) => {
      socket.once('data', () => socket.write(data, () => reset(socket)));
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    await write(client, 'go');
    expect((await summary).reason).toBe('reset');
    const ending = await readToEnding(client);
    expect(ending.how).toBe('ECONNRESET');
    expect(ending.data.equals(data)).toBe(true);
  });

  it('resets the client when the backend dies in the middle of a transfer', async () => {
    const backend = await startServer((socket) => {
      const block = randomBytes(1_000_000, 4);
      const more = () => {
        while (socket.write(block));
      };
      socket.on('drain', more);
      more();
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    await readExactly(client, 10_000);
    reset(await backend.socket(0));
    expect((await readToEnding(client)).how).toBe('ECONNRESET');
    expect((await summary).reason).toBe('reset');
  });

  it('lets go of the backend when the client resets while the backend does not read', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    await write(client, 'a little');
    const sink = await backend.socket(0);
    reset(client);
    expect((await summary).reason).toBe('reset');
    expect((await readToEnding(sink)).how).toBe('ECONNRESET');
  });

  it.each(['client', 'backend'])(
    'resets a side that does not read what the %s left before its reset, and not for idling',
    async (who) => {
      const backend = await startSink();
      const proxy = await startProxy(way, {
        backends: [backend.address],
        idleTimeout: 0,
        halfCloseTimeout: '100ms',
      });
      const summary = nextSummary(proxy);
      const started = nextSession(proxy);
      const client = await connect(portOf(proxy));
      const server = await backend.socket(0);
      const [lost, survivor] = who === 'client' ? [client, server] : [server, client];
      survivor.pause();
      const session = await started;
      const passed = () => session.bytesUpstream + session.bytesDownstream;
      // Piece by piece, until the kernel's buffers are full and a little of the last one is left over.
      const piece = randomBytes(8192, 5);
      let sent = 0;
      while (passed() === sent) {
        await write(lost, piece);
        sent += piece.length;
        let before = -1;
        let looksAtRest = 0;
        await until('the piece to pass, or to be held', () => {
          looksAtRest = passed() === before ? looksAtRest + 1 : 0;
          before = passed();
          return before === sent || looksAtRest > 10;
        });
      }
      reset(lost);
      expect((await summary).reason).toBe('reset');
      expect((await readToEnding(survivor)).how).toBe('ECONNRESET');
    },
  );

  it('is not taken for an end when it comes with bytes and the client has not read', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    const sink = await backend.socket(0);
    sink.write(randomBytes(32_000_000, 5));
    const session = await started;
    let before = -1;
    await until('the client to be full', () => {
      const isFull = before > 0 && session.bytesDownstream === before;
      before = session.bytesDownstream;
      return isFull;
    });
    client.write('last words');
    reset(client);
    const ending = readToEnding(sink);
    expect((await within('the end of the session', session.closed)).reason).toBe('reset');
    // EPIPE: the backend was writing when the reset came.
    expect(['ECONNRESET', 'EPIPE']).toContain((await ending).how);
  });

  it('passes on a reset that comes with the last bytes to a client that had ended its stream', async () => {
    const data = randomBytes(1000, 5);
    const backend = await startServer((socket) => {
      socket.resume();
      socket.once('end', () => {
        socket.write(data);
        reset(socket);
      });
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    client.end('question');
    const ending = await readToEnding(client);
    expect(ending.how).toBe('ECONNRESET');
    expect(ending.data.equals(data)).toBe(true);
    expect((await summary).reason).toBe('reset');
  });

  it('passes on a reset of a backend that has answered before the proxy looks', async () => {
    const backend = await startHasty();
    const proxy = await startProxy(way, {
      backends: [backend.address],
      policy: () => {
        // The connect is on its way when this runs, and its outcome is not looked at before it is over.
        setImmediate(() => backend.waitForReset());
        return 0;
      },
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    expect((await readToEnding(client)).how).toBe('ECONNRESET');
    expect((await summary).reason).toBe('reset');
  });

  it('is not what libuv takes for an end at an urgent mark: what is behind it arrives', async () => {
    const received: Promise<Ending>[] = [];
    const backend = await startServer((socket) => {
      socket.end();
      received.push(readToEnding(socket));
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const sent = tempPath('sent');
    // Node cannot send urgent bytes.
    const client = spawn('python3', ['-c', URGENT_CLIENT, `${portOf(proxy)}`, sent]);
    onTestFinished(() => void client.kill('SIGKILL'));
    await within('the end of the backend', once(client.stdout, 'data'));
    // JavaScript looks at nothing until all has come.
    const deadline = performance.now() + 60_000;
    while (!existsSync(sent)) {
      if (performance.now() > deadline) throw new Error('the bytes did not come');
    }
    expect((await summary).reason).toBe('finished');
    const { data, how } = (await received[0]) as Ending;
    expect(how).toBe('end');
    expect(String(data).replace('!', '')).toBe(`abc${'d'.repeat(70)}`);
  });

  it('cuts both sides when the session is destroyed', async () => {
    const backend = await startEcho();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    await write(client, 'x');
    await readExactly(client, 1);
    const session = await started;
    const errors: string[] = [];
    session.on('error', ({ code }) => errors.push(code));
    session.destroy();
    session.destroy();
    expect(await session.closed).toMatchObject({ reason: 'destroyed', bytesUpstream: 1 });
    expect((await readToEnding(client)).how).toBe('ECONNRESET');
    expect(errors).toEqual(['ERR_SPLICEWAY_SESSION_DESTROYED']);
  });
});
