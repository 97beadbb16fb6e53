/** Large files of random bytes, and the SHA-256 of what a program prints. */
import { spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

const chunkBytes = 4 * 1024 * 1024;

/** @returns SHA-256 of the file, in hex */
export async function writeRandomFile(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(chunkBytes);
  const handle = await open(file, 'w');
  try {
    for (let left = bytes; left > 0; left -= chunkBytes) {
      const part = randomFillSync(chunk).subarray(0, Math.min(left, chunkBytes));
      hash.update(part);
      await handle.writeFile(part);
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

/** @returns SHA-256 in hex */
export async function hashOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: chunkBytes }), hash);
  return hash.digest('hex');
}

/**
 * Hashes a program's standard output as it comes, without a copy on disk.
 *
 * @throws when its exit status is not 0
 */
export async function hashOfOutput(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const hash = createHash('sha256');
  const closed = once(child, 'close');
  await pipeline(child.stdout, hash);
  const [status] = await closed;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit status ${status}`);
  return hash.digest('hex');
}
