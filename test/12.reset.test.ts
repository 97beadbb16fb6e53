/** A reset of one side is a reset of the other, after what was received before it. */
import { describe, expect, it } from 'vitest';
import { randomBytes } from './helpers/bytes.js';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startHasty, startServer, startSink } from './helpers/servers.js';
import { connect, readExactly, readToEnding, reset, socketPair, write } from './helpers/sockets.js';

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

describe('a socket that is reset', () => {
  it('is closed, also while its FIN is on its way', async () => {
    const { near } = await socketPair();
    const errors: Error[] = [];
    near.on('error', (error) => errors.push(error));
    const closed = within('the close', new Promise((done) => near.once('close', done)));
    near.end();
    // By then Node has asked libuv for the FIN, which sends it in the next turn.
    await new Promise<void>((next) => process.nextTick(next));
    expect(near.writableFinished).toBe(false);
    reset(near);
    await closed;
    expect(errors).toEqual([]);
  });
});
