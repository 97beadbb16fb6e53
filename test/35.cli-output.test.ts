/** What the command writes: errors, log lines and figures. */
import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { formatBytes } from '../src/cli/live-line.js';
import type { Logger } from '../src/cli/log.js';
import { LogDestination } from '../src/cli/log-destination.js';
import { logProxy } from '../src/cli/proxy-log.js';
import { RateLimit } from '../src/cli/rate-limit.js';
import { printError } from '../src/cli/status.js';
import type { Proxy as RunningProxy } from '../src/proxy/proxy.js';
import { until } from './helpers/deadline.js';
import { tempPath } from './helpers/temp.js';

/** Both ends of a pipe that never waits. */
function openPipe(): number {
  const path = tempPath('pipe');
  execFileSync('mkfifo', [path]);
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}

/** What the pipe holds now. */
function readAllOf(pipe: number): string {
  const buffer = Buffer.alloc(65_536);
  let text = '';
  try {
    for (;;) text += buffer.toString('latin1', 0, readSync(pipe, buffer));
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
    return text;
  }
}

describe('printError', () => {
  it('shows the stack of an error that nobody foresaw, and says where to report it', () => {
    const written: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    printError(new TypeError('x is not a function'));
    vi.restoreAllMocks();
    expect(written.join('')).toMatch(/TypeError: x is not a function\n\s+at .*35\.cli-output/);
    expect(written.join('')).toContain(`please report it at ${manifest.bugs.url}, with`);
  });
});

describe('LogDestination', () => {
  it('goes on where a full disk has room again, on a line of its own', () => {
    const path = tempPath('log');
    const writable = openSync(path, 'a');
    const destination = new LogDestination(writable);
    destination.write('one\n');
    // Closed, as any other failure.
    closeSync(writable);
    destination.write('lost\n');
    expect(openSync(path, 'a')).toBe(writable);
    destination.write('two\n');
    closeSync(writable);
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  });

  it('keeps some lines for a reader that has fallen behind, and tells how many it dropped', async () => {
    const pipe = openPipe();
    const destination = new LogDestination(pipe);
    let missing = 0;
    destination.onResumed = (dropped) => {
      missing = dropped;
    };
    const written = 2000;
    for (let line = 0; line < written; line++) {
      destination.write(`${String(line).padStart(999, '0')}\n`);
    }
    let read = '';
    await until('all that was kept', () => {
      read += readAllOf(pipe);
      return missing > 0 && read.length === 1000 * (written - missing);
    });
    closeSync(pipe);
    // The first of them, in their order, each whole.
    const lines = read.trimEnd().split('\n');
    expect(lines.map(Number)).toEqual(lines.map((_, line) => line));
    expect(lines.length).toBeLessThan(written);
  });
});

describe('LogDestination, with a clock that the test moves', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('drops nothing for a reader that keeps up: 20 MB/s', () => {
    const pipe = openPipe();
    const destination = new LogDestination(pipe);
    let missing = 0;
    destination.onResumed = (dropped) => {
      missing += dropped;
    };
    let read = 0;
    for (let turn = 0; turn < 200; turn++) {
      for (let line = 0; line < 100; line++) destination.write(`${'x'.repeat(999)}\n`);
      for (let ms = 0; ms < 5; ms++) {
        read += readAllOf(pipe).length;
        vi.advanceTimersByTime(1);
      }
    }
    read += readAllOf(pipe).length;
    closeSync(pipe);
    expect({ read, missing }).toEqual({ read: 20_000_000, missing: 0 });
  });

  it('asks one that stays away twenty times a second, and one that comes back at once', () => {
    const pipe = openPipe();
    const destination = new LogDestination(pipe);
    for (let line = 0; line < 200; line++) destination.write(`${'x'.repeat(999)}\n`);
    for (let ms = 0; ms < 1000; ms++) vi.advanceTimersByTime(1);
    let steps = 0;
    for (const end = Date.now() + 1000; Date.now() < end; steps++) vi.advanceTimersToNextTimer();
    expect(steps).toBeLessThanOrEqual(21);
    readAllOf(pipe);
    vi.advanceTimersToNextTimer();
    expect(readAllOf(pipe).length).toBeGreaterThan(0);
    vi.advanceTimersByTime(1);
    expect(readAllOf(pipe).length).toBeGreaterThan(0);
    closeSync(pipe);
  });
});

describe('logProxy', () => {
  it('has a line for each address of a backend that fails, and each way', () => {
    const proxy = new EventEmitter();
    const lines: string[] = [];
    const warn = (_: unknown, message: string) => lines.push(message);
    const log = { isLevelEnabled: () => false, on: () => {}, warn } as unknown as Logger;
    const flush = logProxy(proxy as unknown as RunningProxy, log);
    const failures = ['a refused', 'b did not answer in time', 'a refused', 'a refused'];
    for (const message of failures)
      proxy.emit('backendError', { backend: 'db:1', error: { code: 'E', message }, count: 1 });
    flush();
    expect(lines).toEqual([
      'a refused',
      'b did not answer in time',
      'a refused (2 times in the last second)',
    ]);
  });
});

describe('lines about backends', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function start() {
    const proxy = new EventEmitter();
    const lines: string[] = [];
    const write = (level: string) => (_: unknown, message: string) =>
      lines.push(`${level} ${message}`);
    const log = { isLevelEnabled: () => false, on: () => {} };
    const levels = { info: write('info'), warn: write('warn') };
    const flush = logProxy(
      proxy as unknown as RunningProxy,
      { ...log, ...levels } as unknown as Logger,
    );
    const tell = (pool: string, backend: string, change: string) => {
      const [from, to] = change.split(' ');
      proxy.emit('backend', { pool, backend, from, to, reason: 'why' });
    };
    const up = (pool: string, backend: string) => tell(pool, backend, 'checking up');
    return { lines, flush, tell, up };
  }

  it('are few where the first checks of many pass', () => {
    const { lines, up } = start();
    for (let number = 0; number < 10_000; number++) up('web', `w${number}`);
    for (const name of ['a', 'b']) up('db', name);
    for (const name of ['c', 'd', 'e']) up('default', name);
    const first = ['web/w0', 'db/a', 'c'].map((name) => `info backend ${name} is up: why`);
    expect(lines).toEqual(first);
    vi.advanceTimersByTime(1000);
    const names = Array.from({ length: 20 }, (_, index) => `w${index + 1}`).join(', ');
    expect(lines.slice(3)).toEqual([
      `info pool web: 9999 backends are up, as their first checks say: ${names} and 9979 others`,
      'info backend db/b is up: why',
      'info pool default: 2 backends are up, as their first checks say: d, e',
    ]);
  });

  it('are one for each that fails, is back, or is set by hand', () => {
    const { lines, tell } = start();
    const changes = ['checking down', 'up down', 'up ejected', 'down up', 'ejected up', 'up up'];
    for (const [index, change] of changes.entries()) tell('db', `${index}`, change);
    expect(lines).toEqual([
      'warn backend db/0 is down: why',
      'warn backend db/1 is down: why',
      'warn backend db/2 is ejected: why',
      'info backend db/3 is up: why',
      'info backend db/4 is up: why',
      'info backend db/5 is up: why',
    ]);
  });

  it('keep the order of what has become of a backend, and are written at the end', () => {
    const { lines, tell, up, flush } = start();
    for (const name of ['a', 'b', 'c', 'd']) up('db', name);
    tell('db', 'c', 'up ejected');
    flush();
    expect(lines).toEqual([
      'info backend db/a is up: why',
      'info backend db/c is up: why',
      'warn backend db/c is ejected: why',
      'info pool db: 2 backends are up, as their first checks say: b, d',
    ]);
  });
});

describe('RateLimit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('writes the first event at once, and then one line an interval for all that came', () => {
    const lines: string[] = [];
    const limit = new RateLimit(1000);
    const event = (key: string, text: string) =>
      limit.report(key, (count) => lines.push(`${key} ${text} ${count}`));
    event('a', '1');
    event('a', '2');
    event('a', '3');
    event('b', '1');
    expect(lines).toEqual(['a 1 1', 'b 1 1']);
    vi.advanceTimersByTime(1000);
    expect(lines).toEqual(['a 1 1', 'b 1 1', 'a 3 2']);
    event('a', '4');
    event('b', '2');
    expect(lines.slice(3)).toEqual(['b 2 1']);
    vi.advanceTimersByTime(1000);
    expect(lines.slice(4)).toEqual(['a 4 1']);
    vi.advanceTimersByTime(10_000);
    expect(lines).toHaveLength(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('writes what is held when it is flushed', () => {
    const counts: number[] = [];
    const limit = new RateLimit(1000);
    for (let event = 0; event < 5; event++) limit.report('a', (count) => counts.push(count));
    limit.flush();
    expect(counts).toEqual([1, 4]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2, '1.0 MiB'],
    [20 * 1024 ** 3, '20.0 GiB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
