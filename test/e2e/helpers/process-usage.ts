/** What another process takes of the machine, from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds } from '../../../scripts/bench/measure/cpu-time.js';

/** Bytes of memory that it has at this moment. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kibibytes = status.match(/^VmRSS:\s*(\d+) kB$/m)?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} does not tell its memory`);
  return Number(kibibytes) * 1024;
}

/** Which part of one core all its threads take over the next while; a loop that spins has 1 or more. */
export async function cpuShare(pid: number, windowMs = 1000): Promise<number> {
  const before = cpuSeconds(pid);
  const start = performance.now();
  await delay(windowMs);
  return (cpuSeconds(pid) - before) / ((performance.now() - start) / 1000);
}

/** Counts of descriptors. */
export interface OpenFiles {
  /** Ends of pipes, two a pipe. */
  readonly pipes: number;
  /** Sockets and the rest. */
  readonly others: number;
}

/** What it has open at this moment. */
export function openFilesOf(pid: number): OpenFiles {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)];
    } catch {
      return []; // Closed since the folder was read.
    }
  });
  const pipes = links.filter((link) => link.startsWith('pipe:')).length;
  return { pipes, others: links.length - pipes };
}
