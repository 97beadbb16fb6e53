/** Test data that no two offsets of look alike, and that can be made again from its seed. */
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';

/** mulberry32: a small generator, good enough to tell bytes apart. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** `length` bytes that depend on the seed alone. */
export function randomBytes(length: number, seed: number): Buffer {
  const next = randomNumbers(seed);
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let index = 0; index < words.length; index++) words[index] = next();
  return Buffer.from(words.buffer, 0, length);
}

/** Writes all of it in pieces of random sizes up to `largest`, no faster than the socket takes them. */
export async function writeInPieces(
  socket: Socket,
  data: Buffer,
  seed: number,
  largest = 200_000,
): Promise<void> {
  const next = randomNumbers(seed);
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + 1 + (next() % largest));
    if (!socket.write(data.subarray(at, end))) await once(socket, 'drain');
    at = end;
  }
}

export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

export function newHash(): Hash {
  return createHash('sha256');
}
