/** How the stream engine reads: into one buffer, in which nothing stays. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DirectReader, type Take } from '../src/engine/stream/reader.js';
import { randomBytes } from './helpers/bytes.js';
import { until } from './helpers/deadline.js';
import { nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startServer } from './helpers/servers.js';
import { connect, guarded, readAll, socketPair, write } from './helpers/sockets.js';

/** Chunks of more than this are not copied into memory of their own. */
const SMALL_BYTES = 16 * 1024;

/** Reads a socket's end, and says of each chunk what `take` answers. */
async function startReader(take: Take): Promise<Socket> {
  const { near, far } = await socketPair({ pauseOnConnect: true });
  const reader = DirectReader.around(near);
  guarded(reader.socket);
  reader.start(take);
  return far;
}

describe('a direct reader', () => {
  it('has no memory of its own, however much it has read', async () => {
    const buffers = new Set<ArrayBufferLike>();
    const bytes = randomBytes(1024 * 1024, 1);
    for (let session = 0; session < 5; session++) {
      let received = 0;
      const far = await startReader((chunk) => {
        received += chunk.length;
        if (chunk.length > SMALL_BYTES) buffers.add(chunk.buffer);
        return 'done';
      });
      far.write(bytes);
      await until('all', () => received === bytes.length);
    }
    // None at all where all came in small pieces.
    expect(buffers.size).toBeLessThanOrEqual(1);
  });

  it('leaves alone what is kept, whatever it and others read meanwhile', async () => {
    const kept: Buffer[] = [];
    const bytes = randomBytes(1024 * 1024, 2);
    const first = await startReader((chunk) => {
      kept.push(chunk);
      return 'kept';
    });
    const length = () => kept.reduce((sum, chunk) => sum + chunk.length, 0);
    first.write(bytes.subarray(0, bytes.length / 2));
    await until('one half', () => length() === bytes.length / 2);
    let others = 0;
    const second = await startReader((chunk) => {
      others += chunk.length;
      return 'done';
    });
    second.write(randomBytes(1024 * 1024, 3));
    await until('what others say', () => others === 1024 * 1024);
    first.write(bytes.subarray(bytes.length / 2));
    await until('the other half', () => length() === bytes.length);
    expect(Buffer.concat(kept).equals(bytes)).toBe(true);
  });

  it('reads no more when it is full, until it is resumed', async () => {
    const { near, far } = await socketPair({ pauseOnConnect: true });
    const reader = DirectReader.around(near);
    guarded(reader.socket);
    const bytes = randomBytes(4 * 1024 * 1024, 4);
    const received: Buffer[] = [];
    let kept: Buffer[] = [];
    let length = 0;
    let isFull = false;
    reader.start((chunk) => {
      expect(isFull).toBe(false);
      kept.push(chunk);
      length += chunk.length;
      isFull = kept.length === 5;
      return isFull ? 'full' : 'kept';
    });
    far.write(bytes);
    while (length < bytes.length) {
      await until('five chunks, or all', () => isFull || length === bytes.length);
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
      received.push(...kept.map((chunk) => Buffer.from(chunk)));
      kept = [];
      isFull = false;
      reader.release();
      reader.socket.resume();
    }
    expect(Buffer.concat(received).equals(bytes)).toBe(true);
  });

  it('gives first what the old socket had read, and lets go of that one', async () => {
    const { near, far } = await socketPair();
    near.pause();
    await write(far, 'early ');
    near.on('readable', () => {});
    await until('bytes', () => near.readableLength === 6);
    near.removeAllListeners('readable');
    const reader = DirectReader.around(near);
    guarded(reader.socket);
    expect(near.destroyed).toBe(true);
    let received = '';
    reader.start((chunk) => {
      received += String(chunk);
      return 'done';
    });
    await write(far, 'late');
    await until('all', () => received === 'early late');
  });
});

it('the stream engine passes on what comes while its sink is full, byte for byte', async () => {
  const bytes = randomBytes(24 * 1024 * 1024, 7);
  const backend = await startServer(() => {}, { paused: true });
  const proxy = await startProxy('stream', { backends: [backend.address] });
  const summary = nextSummary(proxy);
  const client = await connect(portOf(proxy));
  client.end(bytes);
  const server = await backend.socket(0);
  await until('the sink to be full', () => client.writableLength > 0 && client.bytesWritten > 0);
  expect((await readAll(server)).equals(bytes)).toBe(true);
  server.end();
  expect(await summary).toMatchObject({ reason: 'finished', bytesUpstream: bytes.length });
});
