/** join(a, b): two open sockets become one connection. */
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { TLSSocket } from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import { join } from '../src/proxy/join.js';
import { randomBytes, writeInPieces } from './helpers/bytes.js';
import { within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import {
  guarded,
  readAll,
  readExactly,
  readToEnding,
  reset,
  socketPair,
  write,
} from './helpers/sockets.js';

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

  it('refuses a TLS socket on either side, and leaves the other one alone', async () => {
    const { near, far } = await socketPair();
    const socket = guarded(new TLSSocket((await socketPair()).near, { isServer: true }));
    expect(refusal(near, socket, engine)).toBe('ERR_SPLICEWAY_TLS_SOCKET');
    expect(refusal(socket, near, engine)).toBe('ERR_SPLICEWAY_TLS_SOCKET');
    near.write('still mine');
    expect(String(await readExactly(far, 10))).toBe('still mine');
  });

  it.each([
    [{ idleTimout: '1s' }, 'did you mean "idleTimeout"'],
    [{ threads: 2 }, 'join() has no option "threads"'],
    [{ engine: 'fast' }, '"fast" is not an engine'],
    [null, 'not an object'],
    ['1s', 'not an object'],
  ])('refuses the options %j, and leaves the sockets alone', async (options, message) => {
    const [left, right] = [await socketPair(), await socketPair()];
    const wrong = () => join(left.near, right.near, options as never);
    expect(wrong).toThrow(message);
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_SPLICEWAY_INVALID_OPTION' }));
    expect(left.near.destroyed || right.near.destroyed).toBe(false);
  });
});

describe.runIf(engines.includes('native'))('the engine of all joins', () => {
  it('has a loop for each processor, however many joins there are', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    // A module of its own has not started its engine yet.
    vi.resetModules();
    const fresh = await import('../src/index.js');
    const [left, right] = [await socketPair(), await socketPair()];
    const [other, another] = [await socketPair(), await socketPair()];
    const before = threads();
    const first = fresh.join(left.near, right.near, { engine: 'native' });
    expect(threads() - before).toBe(availableParallelism());
    const second = fresh.join(other.near, another.near, { engine: 'native' });
    expect(threads() - before).toBe(availableParallelism());
    for (const session of [first, second]) session.destroy();
  });
});
