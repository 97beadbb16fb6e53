/** How many health checks are under way at once, and whose turn is next. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { HealthConfig } from '../src/model/health.js';
import { type Backend, literalAddress } from '../src/pool/backend.js';
import type { CheckReport } from '../src/pool/health/check-state.js';
import { CheckTurns, mostChecks } from '../src/pool/health/check-turns.js';
import type { Check } from '../src/pool/health/checks/check.js';

describe('the turns of checks', () => {
  function start(most: number) {
    const begun: number[] = [];
    const turns = new CheckTurns(most, () => {});
    return { begun, take: (number: number) => turns.take(() => begun.push(number)) };
  }

  it('are so many at once, and go to those who asked first', () => {
    const { begun, take } = start(2);
    const [end0, end1] = [take(0), take(1), take(2), take(3)];
    expect(begun).toEqual([0, 1]);
    end1?.();
    expect(begun).toEqual([0, 1, 2]);
    // Once is enough.
    end1?.();
    expect(begun).toEqual([0, 1, 2]);
    end0?.();
    take(4);
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  it('are not for who has left the line', () => {
    const { begun, take } = start(1);
    const [end0, leave1] = [take(0), take(1), take(2)];
    leave1?.();
    leave1?.();
    end0?.();
    expect(begun).toEqual([0, 2]);
    take(3);
    expect(begun).toEqual([0, 2]);
  });
});

describe('checks that wait for their turn', () => {
  /** Two at most at once, on a clock that the test moves. */
  async function start() {
    vi.useFakeTimers();
    vi.resetModules();
    onTestFinished(() => {
      vi.useRealTimers();
      vi.resetModules();
    });
    const { CheckTurns } = await import('../src/pool/health/check-turns.js');
    const { Checker } = await import('../src/pool/health/checker.js');
    let late = 0;
    const turns = new CheckTurns(2, () => {
      late += 1;
    });
    const config = { timeoutMs: 2000, intervalMs: 2000, fastIntervalMs: 500, jitterPercent: 0 };
    const addresses = [literalAddress({ kind: 'tcp', host: '127.0.0.1', port: 1 })];
    const check = (answer: Check) => {
      const reports: CheckReport[] = [];
      const checker = new Checker(
        { name: 'a', host: '127.0.0.1', addresses } as unknown as Backend,
        {
          config: config as HealthConfig,
          turns,
          check: answer,
          from: () => [],
          onReport: (report) => {
            reports.push(report);
            return false;
          },
        },
        0,
      );
      onTestFinished(() => checker.stop());
      return { checker, reports };
    };
    return { check, late: () => late };
  }

  const silent: Check = (_, signal) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('timed out')));
    });

  it('are late, and neither fail for that nor wait for ever', async () => {
    const { check, late } = await start();
    const others = Array.from({ length: 8 }, () => check(silent));
    const well = check(async () => 'fine');
    await vi.advanceTimersByTimeAsync(7900);
    expect(well.reports).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(well.reports).toMatchObject([{ passed: true, detail: 'fine' }]);
    expect(well.reports[0]?.durationMs).toBeLessThan(2000);
    expect(others.map(({ reports }) => reports.length)).toEqual(Array(8).fill(1));
    expect(late()).toBeGreaterThanOrEqual(7);
    await vi.advanceTimersByTimeAsync(60_000);
    const counts = others.map(({ reports }) => reports.length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(well.reports.length).toBeGreaterThanOrEqual(Math.min(...counts));
    expect(well.reports.every(({ passed }) => passed)).toBe(true);
  });

  it('leave their places when they are stopped, at work or in the line', async () => {
    const { check, late } = await start();
    const others = Array.from({ length: 6 }, () => check(silent));
    const well = check(async () => 'fine');
    await vi.advanceTimersByTimeAsync(100);
    expect(well.reports).toEqual([]);
    for (const { checker } of others) checker.stop();
    await vi.advanceTimersByTimeAsync(100);
    expect(well.reports).toHaveLength(1);
    expect(late()).toBe(0);
  });

  it('are none where all answer in time', async () => {
    const { check, late } = await start();
    const all = Array.from({ length: 100 }, () => check(async () => 'fine'));
    await vi.advanceTimersByTimeAsync(20_500);
    expect(new Set(all.map(({ reports }) => reports.length))).toEqual(new Set([11]));
    expect(late()).toBe(0);
  });
});

describe('how many checks are under way at once', () => {
  it.each([
    ['an eighth of the open files', 8000, 1000],
    ['sixteen at least', 64, 16],
    ['enough for ten thousand backends at most', Number.POSITIVE_INFINITY, 4096],
    ['what a small machine allows where nobody knows', undefined, 128],
  ])('is %s', (_, files, most) => {
    expect(mostChecks(files)).toBe(most);
  });
});
