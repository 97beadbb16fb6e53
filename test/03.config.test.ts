/** Options of a program: what is taken, with which defaults, and what is said of the others. */
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { ProxyOptions } from '../src/config/options.js';
import { parseOptions, parseSettings } from '../src/config/schema.js';
import type { SplicewayError } from '../src/errors/catalogue.js';
import { oneService } from './helpers/config.js';

const minimal = { listen: '127.0.0.1:5555', backends: ['127.0.0.1:3306'] };

/** What a call throws, which it has to. */
function errorOf(call: () => unknown): SplicewayError {
  try {
    call();
  } catch (error) {
    return error as SplicewayError;
  }
  throw new Error('nothing was thrown');
}

describe('parseOptions', () => {
  it('fills in every default', () => {
    const options: ProxyOptions = minimal;
    expect(oneService(parseOptions(options))).toMatchObject({
      listen: [{ kind: 'tcp', host: '127.0.0.1', port: 5555 }],
      backends: [
        {
          name: '127.0.0.1:3306',
          address: { kind: 'tcp', host: '127.0.0.1', port: 3306 },
          weight: 1,
        },
      ],
      policy: 'round-robin',
      engine: 'auto',
      accept: 'auto',
      threads: Math.min(availableParallelism(), 256),
      transfer: 'auto',
      busyPollUs: 0,
      connectTimeoutMs: 5000,
      connectAttempts: 32,
      abortOnClose: true,
      idleTimeoutMs: 3_600_000,
      halfCloseTimeoutMs: 300_000,
      handshakeTimeoutMs: 60_000,
      resolveEveryMs: 30_000,
      keepAliveMs: 60_000,
    });
  });

  it('takes every option', () => {
    const options: ProxyOptions = {
      listen: [':5555', '[::1]:5556', 'unix:/run/spliceway.sock'],
      backends: [
        'DB1:3306',
        'db2:3306,weight=3,max-sessions=50,addresses=all',
        { address: '[::1]:3306', maxSessions: 7, addresses: 'first' },
        { address: 'unix:/run/db.sock', weight: 1000 },
      ],
      policy: 'round-robin',
      engine: 'stream',
      accept: 'node',
      threads: 256,
      transfer: 'copy',
      busyPoll: '50us',
      maxSessions: 1000,
      maxSessionsPerClient: 10,
      connectTimeout: 250,
      connectBudget: '1s',
      connectAttempts: 100,
      abortOnClose: false,
      idleTimeout: '0',
      halfCloseTimeout: '10s',
      handshakeTimeout: '30s',
      resolveEvery: '1m',
      keepAlive: '1500ms',
    };
    const config = oneService(parseOptions(options));
    expect(config).toMatchObject({
      engine: 'stream',
      accept: 'node',
      threads: 256,
      transfer: 'copy',
      busyPollUs: 50,
      maxSessions: 1000,
      maxSessionsPerClient: 10,
      connectTimeoutMs: 250,
      connectBudgetMs: 1000,
      connectAttempts: 100,
      abortOnClose: false,
      idleTimeoutMs: 0,
      halfCloseTimeoutMs: 10_000,
      handshakeTimeoutMs: 30_000,
      resolveEveryMs: 60_000,
      keepAliveMs: 2000,
    });
    expect(config.listen).toHaveLength(3);
    expect(config.backends.map(({ maxSessions }) => maxSessions)).toEqual([
      undefined,
      50,
      7,
      undefined,
    ]);
    expect(config.backends.map(({ name, weight }) => [name, weight])).toEqual([
      ['db1:3306', 1],
      ['db2:3306', 3],
      ['[::1]:3306', 1],
      ['unix:/run/db.sock', 1000],
    ]);
  });

  it('takes a policy that is a function, and native accept wherever the engine may be native', () => {
    const pick = () => 0;
    expect(oneService(parseOptions({ ...minimal, policy: pick })).policy).toBe(pick);
    for (const engine of ['auto', 'native', undefined]) {
      expect(oneService(parseOptions({ ...minimal, engine, accept: 'native' })).accept).toBe(
        'native',
      );
    }
  });

  it('takes undefined for an option that is not given', () => {
    const given = { ...minimal, threads: undefined, idleTimeout: undefined, policy: undefined };
    expect(parseOptions(given)).toEqual(parseOptions(minimal));
  });

  it('takes no listener at all, for handoff()', () => {
    expect(oneService(parseOptions({ backends: ['a:1'] })).listen).toEqual([]);
    expect(oneService(parseOptions({ listen: [], backends: ['a:1'] })).listen).toEqual([]);
  });

  it('takes port 0 twice: those are two ports', () => {
    expect(oneService(parseOptions({ ...minimal, listen: [':0', ':0'] })).listen).toHaveLength(2);
  });

  it('takes one backend without a list, as text or as an object', () => {
    const object = { address: 'a:1', weight: 2 };
    for (const backends of ['a:1,weight=2', object, [object]]) {
      expect(oneService(parseOptions({ backends })).backends).toMatchObject([
        { name: 'a:1', weight: 2 },
      ]);
    }
  });

  const option = 'ERR_SPLICEWAY_INVALID_OPTION';
  const address = 'ERR_SPLICEWAY_INVALID_ADDRESS';
  const duration = 'ERR_SPLICEWAY_INVALID_DURATION';
  it.each<[string, unknown, string, string]>([
    ['nothing', undefined, option, 'undefined is not a configuration'],
    ['a string', 'x', option, '"x" is not a configuration'],
    ['null', null, option, 'null is not a configuration'],
    ['a list', [], option, 'a list is not a configuration'],
    ['no pool', { listen: ':1' }, option, 'backends: missing; give at least one'],
    ['an empty pool', { backends: [] }, option, 'backends: the pool is empty'],
    ['a pool that is a number', { backends: 7 }, option, 'backends: 7 is not a backend or a list'],
    [
      'a bad only object',
      { backends: { address: 'a:1', weight: 0 } },
      option,
      'backends.weight: 0',
    ],
    ['an only object of no address', { backends: {} }, address, 'backends.address: the address is'],
    ['a bad only backend', { backends: 'a:1,weight=0' }, option, 'backends.weight: 0 is not a wh'],
    ['a backend of no kind', { backends: [7] }, option, 'backends[0]: 7 is not a backend'],
    ['a bad backend', { backends: ['a:1', 'b'] }, address, 'backends[1].address: "b" is not an'],
    ['port 70000', { backends: ['a:70000'] }, address, 'backends[0].address: "a:70000" is not'],
    ['port 0', { backends: ['a:0'] }, address, 'port 0 (any free port) is for listeners only'],
    ['no address', { backends: [{ weight: 1 }] }, address, 'backends[0].address: the address is'],
    ['weight 0', { backends: ['a:1', 'b:1,weight=0'] }, option, 'backends[1].weight: 0 is not a'],
    ['weight -1', { backends: ['a:1,weight=-1'] }, option, 'whole number from 1 to 1000'],
    ['weight 1001', { backends: ['a:1,weight=1001'] }, option, 'backends[0].weight: 1001 is not'],
    [
      'weight 10^20',
      { backends: [{ address: 'a:1', weight: 1e20 }] },
      option,
      'weight: 100000000000000000000 is not',
    ],
    ['weight 1.5', { backends: [{ address: 'a:1', weight: 1.5 }] }, option, 'weight: 1.5 is not'],
    ['weight x', { backends: ['a:1,weight=x'] }, option, 'backends[0].weight: "x" is not'],
    ['weight in text', { backends: [{ address: 'a:1', weight: '2' }] }, option, '"2" is not'],
    ['no weight', { backends: ['a:1,weight='] }, option, 'backends[0].weight: "" is not'],
    ['two weights', { backends: ['a:1,weight=1,weight=2'] }, option, 'weight is given twice'],
    ['a bare comma', { backends: ['a:1,'] }, option, 'backends[0]: "" is not an option'],
    ['a mistyped backend option', { backends: ['a:1,wieght=2'] }, option, 'did you mean "weight"?'],
    ['a duplicate backend', { backends: ['a:1', 'A:1,weight=2'] }, option, 'backends[1]: a:1 is'],
    ['v6 in two spellings', { backends: ['[::1]:1', '[0::1]:1'] }, option, '[::1]:1 is the same'],
    ['a duplicate listener', { ...minimal, listen: [':1', ':1'] }, option, 'listen[1]: :1 is the'],
    ['a bad listener', { ...minimal, listen: 'x' }, address, 'listen: "x" is not an address'],
    ['a bad listener in a list', { ...minimal, listen: [':1', 'x'] }, address, 'listen[1]: "x"'],
    ['a listener of no kind', { ...minimal, listen: 80 }, option, 'listen: 80 is not an address'],
    ['a listed number', { ...minimal, listen: [80] }, address, 'listen[0]: 80 is not an address'],
    ['an unknown policy', { ...minimal, policy: 'round_robin' }, option, 'did you mean "round-ro'],
    ['an unknown engine', { ...minimal, engine: 'uring' }, option, 'engine: "uring" is not an'],
    [
      'native accept of the stream engine',
      { ...minimal, accept: 'native', engine: 'stream' },
      option,
      'accept: the stream engine cannot accept natively; choose accept auto or node',
    ],
    ['a policy of no kind', { ...minimal, policy: 1 }, option, 'policy: 1 is not a policy; choose'],
    ['an unknown transfer', { ...minimal, transfer: 'slice' }, option, 'did you mean "splice"?'],
    ['a long busy poll', { ...minimal, busyPoll: '2s' }, duration, 'busyPoll: "2s" is not a dur'],
    ['a long silence', { ...minimal, keepAlive: '10h' }, duration, 'keepAlive: "10h" is not a dur'],
    ['fine silence', { ...minimal, keepAlive: '50us' }, duration, 'here; write 1s or more, or 0'],
    ['silence of no unit', { ...minimal, keepAlive: '30' }, duration, 'missing; write 30s or 30m'],
    ['an option alone', { backends: ['a:1', 'weight=2'] }, option, '[1]: "weight=2" is an option'],
    ['another', { ...minimal, listen: ['mode=0660'] }, option, 'listen[0]: "mode=0660" is an opt'],
    ['a bad busy poll', { ...minimal, busyPoll: true }, duration, 'busyPoll: true is not a dura'],
    ['a fine duration', { ...minimal, idleTimeout: '50us' }, duration, 'too fine here; write 1ms'],
    ['an unknown accept', { ...minimal, accept: 'kernel' }, option, 'accept: "kernel" is not'],
    ['0 threads', { ...minimal, threads: 0 }, option, 'threads: 0 is not a whole number'],
    ['257 threads', { ...minimal, threads: 257 }, option, 'from 1 to 256'],
    ['no sessions', { ...minimal, maxSessions: 0 }, option, 'maxSessions: 0 is not a whole number'],
    ['1.5 threads', { ...minimal, threads: 1.5 }, option, 'threads: 1.5 is not a whole number'],
    ['NaN threads', { ...minimal, threads: Number.NaN }, option, 'threads: NaN is not a whole'],
    ['a bad duration', { ...minimal, idleTimeout: '5' }, duration, 'idleTimeout: "5" is not a'],
    ['a duration of no kind', { ...minimal, idleTimeout: true }, duration, 'true is not a durat'],
    ['a null duration', { ...minimal, idleTimeout: null }, duration, 'null is not a duration'],
    ['an unknown option', { ...minimal, color: 1 }, option, 'color: unknown option; the options'],
    ['a mistyped option', { ...minimal, conectTimeout: 1 }, option, 'did you mean "connectTime'],
  ])('refuses %s, and says so once', (_what, input, code, message) => {
    const error = errorOf(() => parseOptions(input));
    expect(error).toMatchObject({ name: 'SplicewayError', code });
    expect(error.message).toContain(message);
    const lines = error.message.split('\n');
    expect(lines).toEqual([...new Set(lines)]);
  });

  it('reports everything that is wrong, a line each', () => {
    const input = { listen: 'x', backends: ['a:1', 'b:1,weight=0'], threads: 0 };
    let message = '';
    try {
      parseOptions(input);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split('\n').map((line) => line.split(':')[0])).toEqual([
      'listen',
      'backends[1].weight',
      'threads',
    ]);
  });
});

describe('parseSettings', () => {
  it('keeps only what was given', () => {
    expect(parseSettings({ connectTimeout: '1s' })).toEqual({ connectTimeoutMs: 1000 });
  });

  it('names things as the caller does', () => {
    const flag = () => '--threads';
    expect(() => parseSettings({ threads: 0 }, flag)).toThrow('--threads: 0 is not');
  });
});
