/** `queue` and `maxPoolSessions` as they are written, and what is said of mistakes. */
import { describe, expect, it } from 'vitest';
import { configFromFlags } from '../src/cli/flags.js';
import { optionsOf } from '../src/config/options-of.js';
import { queueTimeoutOf } from '../src/config/queue.js';
import { parseOptions } from '../src/config/schema.js';
import type { PoolConfig } from '../src/config/types.js';
import { runCommand } from './helpers/cli.js';
import { tempFiles } from './helpers/temp.js';

const files = tempFiles();

/** The pool of a configuration that says this of it. */
function poolWith(settings: object): PoolConfig {
  const [pool] = parseOptions({ backends: 'a:1', ...settings }).pools;
  if (pool === undefined) throw new Error('there is no pool');
  return pool;
}

describe('the queue of a pool', () => {
  it.each([
    [{}, { length: 0 }, 5000],
    [{ queue: 4 }, { length: 4 }, 5000],
    [{ queue: 4, connectTimeout: '2s' }, { length: 4 }, 2000],
    [{ queue: { length: 4 }, connectTimeout: 0 }, { length: 4 }, 0],
    [{ queue: { length: 4, timeout: '7s' } }, { length: 4, timeoutMs: 7000 }, 7000],
    [{ queue: { length: 4, timeout: 70 } }, { length: 4, timeoutMs: 70 }, 70],
    [{ queue: { length: 4, timeout: 0 } }, { length: 4, timeoutMs: 0 }, 0],
  ])('of %j', (settings, queue, timeoutMs) => {
    const pool = poolWith(settings);
    expect(pool.queue).toEqual(queue);
    expect(queueTimeoutOf(pool)).toBe(timeoutMs);
  });

  it.each([
    [{ queue: 4, maxPoolSessions: 50 }],
    [{ queue: { length: 4, timeout: '70ms' } }],
    [{ queue: { length: 4, timeout: '0' } }],
  ])('is given back as it was written: %j', (settings) => {
    expect(optionsOf(parseOptions({ backends: 'a:1', ...settings }))).toMatchObject(settings);
  });

  it.each([
    [-1, 'ERR_SPLICEWAY_INVALID_OPTION', /^queue: -1 is not a whole number from 0 to 1048576/],
    ['4', 'ERR_SPLICEWAY_INVALID_OPTION', /^queue: "4" is no queue; write a number, or \{ length/],
    [{ length: 1.5 }, 'ERR_SPLICEWAY_INVALID_OPTION', /^queue\.length: 1\.5 is not a whole number/],
    [{ timeout: '5s' }, 'ERR_SPLICEWAY_INVALID_OPTION', /^queue\.length: the length is missing;/],
    [{ length: 4, time: 1 }, 'ERR_SPLICEWAY_INVALID_OPTION', /^queue\.time: unknown option; write/],
    [{ length: 4, timeout: '5' }, 'ERR_SPLICEWAY_INVALID_DURATION', /^queue\.timeout: "5" is not/],
  ])('is refused as %j', (queue, code, message) => {
    const refusal = () => poolWith({ queue });
    expect(refusal).toThrow(message);
    expect(refusal).toThrow(expect.objectContaining({ code }));
  });

  it('is a flag', () => {
    const flags = { listen: [':5555'], backend: ['a:1'], queue: '400', maxPoolSessions: '50' };
    const [pool] = configFromFlags(flags).pools;
    expect(pool).toMatchObject({ queue: { length: 400 }, maxPoolSessions: 50 });
  });

  it.each([
    ['{ length: 400, timeout: 30 }', /:4:32: queue\.timeout: "30" is not .* the unit is missing/],
    ['{ length: 400, timeout: x }', /:4:32: queue\.timeout: "x" is not a duration/],
    ['[1]', /:4:8: queue: a list is no queue/],
  ])('in a file, %s is wrong', async (queue, message) => {
    const text = `listen: :5555\nbackends: [a:1]\nmaxPoolSessions: 50\nqueue: ${queue}\n`;
    const file = files.write('wrong.yaml', text);
    expect((await runCommand('check', '--config', file)).stderr).toMatch(message);
  });

  it.each([
    ['queue: 400', '  queue     waiting 400 for 5s'],
    ['maxPoolSessions: 50', '  queue     pool sessions 50'],
    [
      'maxPoolSessions: 50\nqueue: { length: 400, timeout: 0 }',
      '  queue     pool sessions 50, waiting 400 for any time',
    ],
  ])('is printed by spliceway check: %j', async (settings, line) => {
    const file = files.write('good.yaml', `listen: :5555\nbackends: [a:1]\n${settings}\n`);
    expect((await runCommand('check', '--config', file)).stdout.split('\n')).toContain(line);
  });
});
