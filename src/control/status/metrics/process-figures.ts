/** What the system has given to this process. */
import { opendir, stat } from 'node:fs/promises';
import { openFiles } from '../../../engine/open-files.js';

export interface ProcessFigures {
  /** Of all threads. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Since 1970. */
  readonly startSeconds: number;
  /** `undefined` where the system does not say. */
  readonly openFiles: number | undefined;
  readonly maxFiles: number | undefined;
}

const startSeconds = Date.now() / 1000 - process.uptime();

export async function processFigures(): Promise<ProcessFigures> {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startSeconds,
    openFiles: await countOpenFiles(),
    maxFiles: openFiles()?.soft,
  };
}

const FOLDER = '/proc/self/fd';

async function countOpenFiles(): Promise<number | undefined> {
  try {
    // Linux 6.2 and later has their number as the size of the folder. Before, each is an entry, and there may be many.
    const { size } = await stat(FOLDER);
    if (size > 0) return size;
    let count = 0;
    for await (const _ of await opendir(FOLDER, { bufferSize: 1024 })) count += 1;
    return count;
  } catch {
    return undefined;
  }
}
