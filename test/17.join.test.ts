/** join(a, b): two open sockets become one connection. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { join } from '../src/index.js';
import { randomBytes, writeInPieces } from './helpers/bytes.js';
import { within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { readAll, readExactly, readToEnding, reset, socketPair, write } from './helpers/sockets.js';

/** The code of what the join throws. */
function refusal(a: Socket, b: Socket, engine: 'native' | 'stream'): string {
  try {
    join(a, b, { engine });
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
}

describe.each(engines)('join with %s', (engine) => {
  it('moves bytes both ways and finishes when both sides have ended', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    const session = join(left.near, right.near, { engine });
    expect(session).toMatchObject({ listener: 'join', state: 'open', backend: undefined });
    const [up, down] = [randomBytes(3_000_000, 1), randomBytes(2_000_000, 2)];
    const atRight = readAll(right.far);
    const atLeft = readAll(left.far);
    void writeInPieces(left.far, up, 3).then(() => left.far.end());
    void writeInPieces(right.far, down, 4).then(() => right.far.end());
    expect((await atRight).equals(up)).toBe(true);
    expect((await atLeft).equals(down)).toBe(true);
    expect(await within('the end', session.closed)).toMatchObject({
      reason: 'finished',
      bytesUpstream: up.length,
      bytesDownstream: down.length,
    });
  });

  it('sends first what either had read already', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    await write(left.far, 'left read');
    await write(right.far, 'right read');
    left.near.unshift(await readExactly(left.near, 9));
    right.near.unshift(await readExactly(right.near, 10));
    join(left.near, right.near, { engine });
    left.far.end(', left later');
    right.far.end(', right later');
    expect(String(await readAll(right.far))).toBe('left read, left later');
    expect(String(await readAll(left.far))).toBe('right read, right later');
  });

  it('writes first what was queued for writing on either', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    // More than the kernel's buffers take at once, so that some of it is queued in Node.
    const queued = randomBytes(12_000_000, 5);
    left.near.write(queued);
    right.near.write(queued);
    expect(left.near.writableLength).toBeGreaterThan(0);
    const session = join(left.near, right.near, { engine });
    left.far.end('up');
    right.far.end('down');
    const [atLeft, atRight] = await Promise.all([readAll(left.far), readAll(right.far)]);
    expect(atLeft.equals(Buffer.concat([queued, Buffer.from('down')]))).toBe(true);
    expect(atRight.equals(Buffer.concat([queued, Buffer.from('up')]))).toBe(true);
    expect(await session.closed).toMatchObject({ bytesUpstream: 2, bytesDownstream: 4 });
  });

  it('honours half-close', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    join(left.near, right.near, { engine });
    left.far.end('question');
    expect(String(await readAll(right.far))).toBe('question');
    right.far.end('answer');
    expect(String(await readAll(left.far))).toBe('answer');
  });

  it('passes on a reset', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    const session = join(left.near, right.near, { engine });
    await write(left.far, 'x');
    await readExactly(right.far, 1);
    reset(left.far);
    expect((await readToEnding(right.far)).how).toBe('ECONNRESET');
    expect((await session.closed).reason).toBe('reset');
  });

  it('has timeouts when asked for', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    const session = join(left.near, right.near, { engine, idleTimeout: '50ms' });
    expect((await within('the timeout', session.closed)).reason).toBe('idle-timeout');
    expect((await readToEnding(left.far)).how).toBe('end');
  });

  it('can be destroyed', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    const session = join(left.near, right.near, { engine });
    session.destroy();
    expect((await within('the end', session.closed)).reason).toBe('destroyed');
    expect((await readToEnding(left.far)).how).toBe('ECONNRESET');
    expect((await readToEnding(right.far)).how).toBe('ECONNRESET');
  });

  it('refuses sockets that cannot be used, and leaves the other one alone', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    right.near.destroy();
    expect(refusal(left.near, right.near, engine)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    expect(refusal(right.near, left.near, engine)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    expect(refusal(left.near, left.near, engine)).toBe('ERR_SPLICEWAY_SOCKET_UNUSABLE');
    left.near.write('still mine');
    expect(String(await readExactly(left.far, 10))).toBe('still mine');
  });
});
