/** Warnings wait until somebody can listen, and those that come in crowds are one line a second. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

describe('warnings', () => {
  let Warnings: typeof import('../src/observe/warnings.js').Warnings;
  beforeEach(async () => {
    vi.useFakeTimers();
    // The package keeps the timers that are there when it is loaded.
    vi.resetModules();
    ({ Warnings } = await import('../src/observe/warnings.js'));
  });
  afterEach(() => {
    vi.useRealTimers();
    // Files that share this process would be given the faked ones.
    vi.resetModules();
  });

  const warnings = () => {
    const said: string[] = [];
    return { said, warnings: new Warnings((message) => said.push(message)) };
  };

  it('are held back until they are released', () => {
    const { said, warnings: held } = warnings();
    held.say('one');
    held.say('two');
    expect(said).toEqual([]);
    held.release();
    held.say('three');
    expect(said).toEqual(['one', 'two', 'three']);
  });

  it('of what goes on for long are said once an hour, held back or not', () => {
    const { said, warnings: held } = warnings();
    held.sayRarely('one');
    held.sayRarely('one');
    held.release();
    for (const message of ['one', 'two', 'two']) held.sayRarely(message);
    expect(said).toEqual(['one', 'two']);
    vi.advanceTimersByTime(3_599_999);
    held.sayRarely('one');
    expect(said).toEqual(['one', 'two']);
    vi.advanceTimersByTime(1);
    held.sayRarely('one');
    expect(said).toEqual(['one', 'two', 'one']);
  });

  it('of a crowd are said once a second, with their number', () => {
    const { said, warnings: crowded } = warnings();
    crowded.release();
    const drop = (times: number) => crowded.count('dropped', times, (count) => `${count} dropped`);
    for (let client = 0; client < 100; client++) drop(1);
    vi.advanceTimersByTime(999);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(said).toEqual(['100 dropped']);
    drop(2);
    crowded.flush();
    expect(said).toEqual(['100 dropped', '2 dropped']);
    vi.advanceTimersByTime(5000);
    expect(said).toHaveLength(2);
  });
});
