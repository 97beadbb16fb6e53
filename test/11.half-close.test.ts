/** One side may end its stream and go on reading; the FIN goes on after the last byte. */
import { describe, expect, it } from 'vitest';
import { randomBytes, writeInPieces } from './helpers/bytes.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSession, nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startServer, startSink } from './helpers/servers.js';
import { connect, readAll, readExactly } from './helpers/sockets.js';

describe.each(ways)('half-close with %s', (way) => {
  it('passes on the end of the client, then late data of the backend', async () => {
    const late = randomBytes(2_000_000, 1);
    const backend = await startServer((socket) => {
      void readAll(socket).then(async (question) => {
        socket.write(question);
        await writeInPieces(socket, late, 2);
        socket.end();
      });
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    client.end('question');
    const answer = await readAll(client);
    expect(answer.subarray(0, 8).toString()).toBe('question');
    expect(answer.subarray(8).equals(late)).toBe(true);
    expect(await summary).toMatchObject({ reason: 'finished', bytesUpstream: 8 });
  });

  it('passes on the end of the backend, then late data of the client', async () => {
    const late = randomBytes(2_000_000, 3);
    const received: Promise<Buffer>[] = [];
    const backend = await startServer((socket) => {
      received.push(readAll(socket));
      socket.end('greeting');
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    expect(String(await readAll(client))).toBe('greeting');
    await writeInPieces(client, late, 4);
    client.end();
    expect(await summary).toMatchObject({ reason: 'finished', bytesDownstream: 8 });
    expect((await received[0])?.equals(late)).toBe(true);
  });

  it('keeps the other way open for questions and answers after one end', async () => {
    const backend = await startServer((socket) => {
      socket.write('bye');
      socket.end();
      socket.on('data', () => {});
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    await readAll(client);
    const session = await started;
    for (let round = 1; round <= 20; round++) {
      client.write('x');
      await until('the byte to pass', () => session.bytesUpstream === round);
    }
    expect(session.state).toBe('open');
    client.end();
    expect((await session.closed).reason).toBe('finished');
  });

  it('sends the FIN only after the last byte, with a sink that reads late', async () => {
    const backend = await startSink();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const client = await connect(portOf(proxy));
    const data = randomBytes(12_000_000, 5);
    const sent = writeInPieces(client, data, 6).then(() => client.end());
    const sink = await backend.socket(0);
    // A first taste, so that the relay stops and starts in the middle.
    const first = await readExactly(sink, 100_000);
    const rest = readAll(sink);
    await sent;
    expect(Buffer.concat([first, await rest]).equals(data)).toBe(true);
    sink.end();
  });

  it('passes on an end without a single byte, either way', async () => {
    const backend = await startServer((socket) => {
      socket.resume();
      socket.once('end', () => socket.end());
    });
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    client.end();
    expect((await readAll(client)).length).toBe(0);
    expect(await summary).toMatchObject({
      reason: 'finished',
      bytesUpstream: 0,
      bytesDownstream: 0,
      error: undefined,
    });
  });
});
