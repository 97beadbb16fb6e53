/** What this process has open. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { until } from './deadline.js';

export interface OpenDescriptors {
  readonly total: number;
  readonly pipes: number;
}

export function openDescriptors(): OpenDescriptors {
  const targets = readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      // The descriptor of the listing itself is closed by now.
      return [];
    }
  });
  return {
    total: targets.length,
    pipes: targets.filter((target) => target.startsWith('pipe:')).length,
  };
}

/** Resolves when no more is open than before; the last sockets close a moment after their sessions. */
export function untilBackTo(before: OpenDescriptors): Promise<void> {
  return until(`no more open than before (${JSON.stringify(before)})`, () => {
    const now = openDescriptors();
    return now.total <= before.total && now.pipes <= before.pipes;
  });
}

/** Opens files until there is no descriptor left. The result closes them. */
export function exhaustDescriptors(): () => void {
  const files: number[] = [];
  const close = () => {
    for (const file of files.splice(0)) closeSync(file);
  };
  onTestFinished(close);
  try {
    for (;;) files.push(openSync('/dev/null', 'r'));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('EMFILE');
  }
  return close;
}

/** The soft limit of open files of this process, for the rest of the test. */
export function limitOpenFiles(limit: number): void {
  const prlimit = (value: string) => execFileSync('prlimit', ['--pid', `${process.pid}`, value]);
  const before = execFileSync('sh', ['-c', 'ulimit -Sn'], { encoding: 'utf8' }).trim();
  prlimit(`--nofile=${limit}:`);
  onTestFinished(() => {
    prlimit(`--nofile=${before}:`);
  });
}
