/** Several listeners and pools with names: what is accepted, what it becomes, and what is said of mistakes. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { sourceFromFlags } from '../src/cli/flags.js';
import { loadConfigFile } from '../src/config/file.js';
import type { LongOptions, ProxyOptions } from '../src/config/options.js';
import { optionsOf } from '../src/config/options-of.js';
import { parseOptions, parseSettings } from '../src/config/schema.js';
import { addressesOf, unusedPools, withSettings } from '../src/config/services.js';
import { defaultsOf } from '../src/config/shapes.js';
import { SplicewayError } from '../src/errors/catalogue.js';
import { formatAddress } from '../src/model/address.js';
import { runCommand } from './helpers/cli.js';
import { tempFiles } from './helpers/temp.js';

const files = tempFiles();
const filter = () => true;
const policy = () => 0;

const long = {
  listeners: {
    sql: { address: [':5555', '[::1]:5555'], pool: 'db', idleTimeout: '8h', filter },
    web: { address: { address: 'unix:/run/w.sock', mode: '0660', group: 0 }, pool: 'site' },
  },
  pools: {
    db: {
      backends: [
        { name: 'db-1', address: '10.0.1.4:3306', weight: 2 },
        '10.0.1.5:3306,name=db-2,max-sessions=5',
        'unix:/run/db.sock',
      ],
      policy,
      connectTimeout: '2s',
      onRemove: { after: '30s' },
    },
    site: { backends: '10.0.2.4:80,addresses=all' },
  },
  threads: 3,
  busyPoll: '50us',
} satisfies LongOptions;

/** What is wrong, a line each; empty when nothing is. */
function refusal(options: unknown): string {
  try {
    parseOptions(options);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(SplicewayError);
    return (error as Error).message;
  }
}

/** With one listener and one pool, and something else of them. */
const withListener = (listener: object) => ({
  listeners: { a: { address: ':1', ...listener } },
  pools: { default: { backends: 'b:1' } },
});
const withPool = (pool: object) => ({ pools: { default: { backends: 'b:1', ...pool } } });

describe('the long form', () => {
  it('gives each listener and each pool its own settings, every default filled in', () => {
    const config = parseOptions(long);
    expect(config).toMatchObject({ form: 'long', threads: 3, busyPollUs: 50 });
    expect(config.handoff).toEqual(defaultsOf('listener'));
    expect(config.listeners).toEqual([
      {
        ...defaultsOf('listener'),
        name: 'sql',
        addresses: [
          { kind: 'tcp', host: '', port: 5555 },
          { kind: 'tcp', host: '::1', port: 5555 },
        ],
        pool: 'db',
        idleTimeoutMs: 28_800_000,
        filter,
      },
      {
        ...defaultsOf('listener'),
        name: 'web',
        addresses: [{ kind: 'unix', path: '/run/w.sock', access: { mode: 0o660, group: 0 } }],
        pool: 'site',
      },
    ]);
    const at = (host: string, port: number) => ({ kind: 'tcp', host, port });
    expect(config.pools).toEqual([
      {
        ...defaultsOf('pool'),
        name: 'db',
        backends: [
          { name: 'db-1', address: at('10.0.1.4', 3306), weight: 2 },
          { name: 'db-2', address: at('10.0.1.5', 3306), weight: 1, maxSessions: 5 },
          { name: 'unix:/run/db.sock', address: { kind: 'unix', path: '/run/db.sock' }, weight: 1 },
        ],
        policy,
        connectTimeoutMs: 2000,
        onRemove: { afterMs: 30_000 },
      },
      {
        ...defaultsOf('pool'),
        name: 'site',
        backends: [
          { name: '10.0.2.4:80', address: at('10.0.2.4', 80), weight: 1, addresses: 'all' },
        ],
      },
    ]);
    expect(addressesOf(config).map(formatAddress)).toEqual([
      ':5555',
      '[::1]:5555',
      'unix:/run/w.sock',
    ]);
  });

  it('is what the short form means: a listener and a pool of the name default', () => {
    const service = { idleTimeout: '5s', filter };
    const pool = { backends: ['b:1,name=one'], connectTimeout: '1s', policy };
    const short = parseOptions({ listen: ':1', ...service, ...pool, threads: 2 });
    const same = parseOptions({
      listeners: { default: { address: ':1', pool: 'default', ...service } },
      pools: { default: pool },
      threads: 2,
    });
    expect(short).toEqual({
      ...same,
      form: 'short',
      handoff: { ...same.handoff, idleTimeoutMs: 5000, filter },
    });
  });

  it('of a program without listeners keeps what holds for sockets that are handed over', () => {
    const config = parseOptions({ backends: 'b:1', idleTimeout: 7 });
    expect(config.listeners).toEqual([]);
    expect(config.handoff).toMatchObject({ idleTimeoutMs: 7 });
    expect(parseOptions(withPool({})).listeners).toEqual([]);
  });

  it('has the pool default for a listener that names none', () => {
    expect(parseOptions(withListener({})).listeners[0]?.pool).toBe('default');
  });

  it('takes one address in two pools, port 0 in two listeners, and names that objects have anyway', () => {
    const config = parseOptions({
      listeners: { constructor: { address: ':0', pool: 'a' }, b: { address: ':0', pool: 'a' } },
      pools: { a: { backends: 'x:1,name=n' }, tostring: { backends: 'x:1,name=n' } },
    });
    expect(config.listeners.map(({ name }) => name)).toEqual(['constructor', 'b']);
    expect(unusedPools(config)).toEqual(['tostring']);
  });

  it('takes undefined for what is not given, also of the other form', () => {
    const others = { listen: undefined, backends: undefined, policy: undefined };
    expect(parseOptions({ ...withPool({}), ...others })).toEqual(parseOptions(withPool({})));
    const short = { listen: ':1', backends: 'b:1' };
    expect(parseOptions({ ...short, pools: undefined })).toEqual(parseOptions(short));
  });

  it('has types that know where each key belongs', () => {
    expectTypeOf(long).toExtend<ProxyOptions>();
    expectTypeOf({ listen: ':1', backends: 'b:1' }).toExtend<ProxyOptions>();
    expectTypeOf({ pools: {}, policy: 'round-robin' as const }).not.toExtend<ProxyOptions>();
    expectTypeOf({ pools: {}, backends: 'b:1' }).not.toExtend<ProxyOptions>();
    expectTypeOf({ pools: { a: {} } }).not.toExtend<ProxyOptions>();
  });
});

describe('a mistake in the long form', () => {
  it.each<[string, unknown, string]>([
    ['no pool', { pools: {} }, 'pools: there is no pool; write pools: {'],
    ['pools left out', { listeners: { a: { address: ':1' } } }, 'pools: there is no pool; write'],
    ['an empty value', { pools: null }, 'pools: null is not an object of pools'],
    ['a list', { pools: ['b:1'] }, 'pools: a list is not an object of pools; write { NAME:'],
    ['no listener', { ...withPool({}), listeners: {} }, 'listeners: there is no listener; write'],
    [
      'text',
      { ...withPool({}), listeners: { a: ':1' } },
      'listeners.a: ":1" is not a listener; wr',
    ],
    ['a pool as text', { pools: { a: 'b:1' } }, 'pools.a: "b:1" is not a pool; write { backends'],
    ['a bad name', { pools: { A: { backends: 'b:1' } } }, 'pools.A: "A" is not a name; write text'],
    ['no name', { pools: { '': { backends: 'b:1' } } }, '"" is not a name; write text of a-z'],
    [
      'the prototype',
      JSON.parse('{"pools":{"__proto__":{"backends":"b:1"}}}'),
      'pools.__proto__: "__proto__" is not a name',
    ],
    [
      'an absent pool',
      withListener({ pool: 'defalt' }),
      'there is no pool defalt (did you mean "d',
    ],
    [
      'another',
      withListener({ pool: 'x' }),
      'listeners.a.pool: there is no pool x; choose default',
    ],
    [
      'no pool named',
      {
        listeners: { a: { address: ':1' } },
        pools: { b: { backends: 'b:1' }, c: { backends: 'c:1' } },
      },
      'listeners.a.pool: missing; name the pool of its clients: choose b or c',
    ],
    ['no address', withListener({ address: [] }), 'listeners.a.address: give at least one address'],
    [
      'no address',
      withListener({ address: undefined }),
      'listeners.a.address: undefined is not an',
    ],
    ['a bad address', withListener({ address: 'x' }), 'listeners.a.address: "x" is not an address'],
    [
      'a bad second',
      withListener({ address: [':1', 'x'] }),
      'listeners.a.address[1]: "x" is not an',
    ],
    ['one twice', withListener({ address: [':1', ':1'] }), 'address[1]: :1 is the same listener'],
    [
      'an unknown key of an address',
      withListener({ address: { address: 'unix:/a', mod: 1 } }),
      'listeners.a.address.mod: unknown option (did you mean "mode"?)',
    ],
    ['a typing error', withListener({ idelTimeout: 1 }), 'a.idelTimeout: unknown option (did you'],
    ['one elsewhere', withListener({ polcy: 1 }), 'polcy: unknown option (did you mean "policy"?)'],
    ["a pool's", withListener({ policy: 1 }), 'a setting of a pool; write it as pools.NAME.policy'],
    ["the process'", withListener({ threads: 1 }), 'of the whole process; write it at the top le'],
    ['backends', withListener({ backends: 'b:1' }), 'listeners.a.backends: they are of a pool'],
    ["a listener's", withPool({ idleTimeout: 1 }), 'write it as listeners.NAME.idleTimeout'],
    [
      "a pool's at the top",
      { ...withPool({}), policy: 'x' },
      'policy: this is a setting of a pool',
    ],
    ['listen', { ...withPool({}), listen: ':1' }, 'listen: this is of the short form; where list'],
    ['backends at the top', { ...withPool({}), backends: 'b:1' }, 'backends: they are of a pool'],
    ["the command's, of a program", { ...withPool({}), logLevel: 'info' }, 'logLevel: unknown opt'],
    ['no backends', { pools: { a: {} } }, 'pools.a.backends: missing; give at least one backend'],
    [
      'none',
      withPool({ backends: [] }),
      'pools.default.backends: the pool is empty; give at least',
    ],
    [
      'a bad weight',
      withPool({ backends: ['b:1,weight=0'] }),
      'default.backends[0].weight: 0 is not',
    ],
    [
      'a bad only one',
      withPool({ backends: 'b:1,weight=0' }),
      'pools.default.backends.weight: 0 is',
    ],
    [
      'one twice',
      withPool({ backends: ['b:1', 'B:1,name=c'] }),
      'backends[1]: b:1 is the same back',
    ],
    [
      'a name twice',
      withPool({ backends: ['b:1,name=x', 'c:1,name=x'] }),
      'pools.default.backends[1]: x is the same name as the one at [0]; give one of them another',
    ],
    ['a bad name', withPool({ backends: 'b:1,name=B' }), 'backends.name: "B" is not a name'],
    [
      'a number',
      withPool({ backends: { address: 'b:1', name: 1 } }),
      'backends.name: 1 is not a na',
    ],
    [
      'onRemove',
      withPool({ onRemove: 'clos' }),
      'onRemove: "clos" is not what may become of sessio',
    ],
    ['no time', withPool({ onRemove: { after: 0 } }), 'onRemove.after: a time of 0 leaves it open'],
    ['a bad time', withPool({ onRemove: { after: 'x' } }), 'onRemove.after: "x" is not a duration'],
    [
      'another key',
      withPool({ onRemove: { in: 1 } }),
      'onRemove.in: unknown option; choose keep or',
    ],
    [
      'an address in two listeners',
      {
        listeners: { a: { address: ['fd:3', ':1'] }, b: { address: [':2', 'fd:3'] } },
        ...withPool({}),
      },
      'listeners.b.address[1]: the listener a has fd:3 already; an address has one listener',
    ],
    [
      'a backend that is a listener of another pool',
      {
        listeners: { a: { address: ':1', pool: 'p' }, b: { address: '127.0.0.1:2', pool: 'q' } },
        pools: { p: { backends: ['x:1', '127.0.0.1:2'] }, q: { backends: 'localhost:1' } },
      },
      [
        'pools.p.backends[1]: 127.0.0.1:2 is the proxy itself, which listens on 127.0.0.1:2; a backend is another server',
        'pools.q.backends: localhost:1 is the proxy itself, which listens on :1; a backend is another server',
      ].join('\n'),
    ],
    [
      'native accept',
      { ...withPool({}), engine: 'stream', accept: 'native' },
      'accept: the stream en',
    ],
  ])('is told of where it is: %s', (_, options, message) => {
    expect(refusal(options)).toContain(message);
  });

  it('is found in thousands of backends behind hundreds of listeners', () => {
    const entries = <Entry>(count: number, entry: (index: number) => Entry) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, entry(index)]));
    const options = {
      listeners: entries(256, (index) => ({ address: `:${index + 1}`, pool: 'n0' })),
      pools: entries(1000, (pool) => ({
        backends: Array.from(
          { length: 10 },
          (_, index) => `10.1.${pool % 250}.${index}:${pool + 1000}`,
        ),
      })),
    };
    expect(parseOptions(options).pools).toHaveLength(1000);
    options.pools.n999 = { backends: ['127.0.0.1:256'] };
    expect(refusal(options)).toContain('pools.n999.backends[0]: 127.0.0.1:256 is the proxy itself');
  });

  it('has file, line and column in a file', () => {
    const text = [
      'listeners:',
      '  sql: { address: ":5555", pool: db }',
      '  SQL: { address: ":5556", pool: db }',
      'pools:',
      '  db:',
      '    backends: [a:1]',
      '    connectTimeout: 30',
      '    onRemove: { after: 30 }',
      '    idleTimeout: 1s',
      'listen: :1',
      '',
    ].join('\n');
    const file = files.write('long.yaml', text);
    expect(() => loadConfigFile(file)).toThrow(
      expect.objectContaining({ code: 'ERR_SPLICEWAY_CONFIG_FILE' }),
    );
    const lines = (() => {
      try {
        loadConfigFile(file);
      } catch (error) {
        return (error as Error).message.replaceAll(`${file}:`, '').split('\n');
      }
      return [];
    })();
    expect(lines.sort()).toEqual([
      expect.stringMatching(/^10:1: listen: this is of the short form/),
      expect.stringMatching(/^3:3: listeners\.SQL: "SQL" is not a name/),
      expect.stringMatching(/^7:21: pools\.db\.connectTimeout: "30" .* the unit is missing/),
      expect.stringMatching(/^8:24: pools\.db\.onRemove\.after: "30" .* the unit is missing/),
      expect.stringMatching(/^9:5: pools\.db\.idleTimeout: this is a setting of a listener/),
    ]);
  });

  it('is a file without a listener', () => {
    const file = files.write('none.yaml', 'pools: { a: { backends: [a:1] } }\n');
    expect(() => loadConfigFile(file)).toThrow(`${file}:1:1: listeners: there is no listener`);
  });
});

describe('optionsOf', () => {
  it.each<[string, ProxyOptions]>([
    ['the short form', { listen: ':1', backends: 'b:1' }],
    ['no listener', { backends: ['b:1', { address: 'unix:/a b,c' }], idleTimeout: 5 }],
    [
      'all that a listener and a backend may have',
      {
        listen: ['[::1]:0', 'fd:3', { address: 'unix:/a', mode: '660', user: 0, group: 5 }],
        backends: [{ address: 'unix:/a,b', maxSessions: 2, addresses: 'first' }, 'b:1,name=b'],
      },
    ],
    [
      'all settings',
      {
        backends: 'b:1',
        policy,
        filter,
        engine: 'stream',
        accept: 'node',
        threads: 256,
        transfer: 'copy',
        busyPoll: '50us',
        maxSessions: 9,
        maxSessionsPerClient: 8,
        connectTimeout: 1,
        connectBudget: 0,
        connectAttempts: 3,
        abortOnClose: false,
        onRemove: { after: '90s' },
        idleTimeout: 0,
        halfCloseTimeout: '1h',
        handshakeTimeout: '7s',
        resolveEvery: 0,
        keepAlive: '2s',
      },
    ],
    ['the long form', long],
    ['pools alone', withPool({ onRemove: 'close' })],
    ['the pool default', withListener({ filter })],
  ])('gives what makes the same configuration: %s', (_, options) => {
    const config = parseOptions(options);
    const again = optionsOf(config);
    expect(parseOptions(again)).toEqual(config);
    expect(optionsOf(parseOptions(again))).toEqual(again);
  });

  it('has no more than a user would write', () => {
    const config = parseOptions({ listen: ':1', backends: 'b:1,name=b', idleTimeout: '1h' });
    expect(optionsOf(config)).toEqual({
      listen: [{ address: ':1' }],
      backends: [{ name: 'b', address: 'b:1' }],
    });
  });
});

describe('settings laid over a configuration', () => {
  it('are those of the process, of every listener, of handoffs and of every pool', () => {
    const over = parseSettings({ threads: 9, idleTimeout: 5, connectTimeout: 6 });
    const config = withSettings(parseOptions(long), over);
    expect(config).toMatchObject({
      threads: 9,
      handoff: { idleTimeoutMs: 5, handshakeTimeoutMs: 60_000 },
    });
    expect(config).not.toHaveProperty('idleTimeoutMs');
    expect(config.listeners.map(({ idleTimeoutMs }) => idleTimeoutMs)).toEqual([5, 5]);
    expect(config.pools.map(({ connectTimeoutMs }) => connectTimeoutMs)).toEqual([6, 6]);
    expect(config.pools[0]).toMatchObject({ policy, onRemove: { afterMs: 30_000 } });
  });

  it('are flags beside a file', () => {
    const text = 'listeners: { a: { address: ":1" } }\npools: { default: { backends: b:1 } }\n';
    const config = files.write('flags.yaml', `${text}logLevel: warn\n`);
    const source = sourceFromFlags({ config, idleTimeout: '5s', connectAttempts: '2' });
    expect(source?.read().config).toMatchObject({
      logLevel: 'warn',
      listeners: [{ idleTimeoutMs: 5000 }],
      pools: [{ connectAttempts: 2 }],
    });
  });
});

describe('spliceway check', () => {
  it('prints a block for each listener and each pool', async () => {
    const text = [
      'listeners:',
      '  sql: { address: [":5555", "[::1]:5555"], pool: db, idleTimeout: 8h }',
      'pools:',
      '  db: { backends: ["a:1,name=db-1", "b:2,weight=3"], onRemove: { after: 30s } }',
      '  spare: { backends: [c:1] }',
      'threads: 2',
      '',
    ].join('\n');
    const file = files.write('check.yaml', text);
    const { status, stdout, stderr } = await runCommand('check', '--config', file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      [
        `${file}: ok`,
        '  listener  sql',
        '    address   :5555, [::1]:5555',
        '    pool      db',
        '    timeouts  idle 8h, half-close 5m, handshake 1m',
        '  pool      db',
        '    backend   db-1 at a:1, weight 1',
        '    backend   b:2, weight 3',
        '    policy    round-robin',
        '    search    budget 15s, attempts 32, abort on close',
        '    timeouts  connect 5s, session age 0',
        '    ejection  after 5, for 10s, at most 5m, early reset 0',
        '    down      sessions keep, slow start 0',
        '    all down  fail',
        '    removed   after 30s',
        '  pool      spare',
        '    backend   c:1, weight 1',
        '    policy    round-robin',
        '    search    budget 15s, attempts 32, abort on close',
        '    timeouts  connect 5s, session age 0',
        '    ejection  after 5, for 10s, at most 5m, early reset 0',
        '    down      sessions keep, slow start 0',
        '    all down  fail',
        '    removed   keep',
        '  unused    no listener has the pool spare',
        '  engine    auto, threads 2, accept auto',
        '  transfer  auto, busy poll 0',
        '  limits    sessions as descriptors allow, per client half of them',
        '  timeouts  drain 30s',
        '  names     looked up every 30s',
        '  keepalive 1m',
        '  log       info, pretty on a terminal, else json',
        '',
      ].join('\n'),
    );
  });
});
