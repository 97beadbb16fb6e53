/** The JSON Schema of the configuration file says to editors what the program says. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfigFile } from '../src/config/file.js';
import { configFileSchema, type JsonSchema } from '../src/config/json-schema.js';
import type { Place } from '../src/config/setting.js';
import { durationKeys, settingKeys, settingOf } from '../src/config/shapes.js';
import { propertiesOfShort } from './helpers/config.js';
import { tempFiles } from './helpers/temp.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const schema = JSON.parse(JSON.stringify(configFileSchema())) as JsonSchema;
const properties = propertiesOfShort(schema);
const places: readonly Place[] = ['process', 'listener', 'pool', 'command'];
const files = tempFiles();

function validator(): ValidateFunction {
  // Strict, so that a misspelt keyword is an error; the last two are those of editors.
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false });
  ajv.addVocabulary(['patternErrorMessage']);
  return ajv.compile(schema);
}
const validate = validator();

/** What the program says of a file; empty when it takes it. */
function refusal(config: unknown): string {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  const file = files.write(typeof config === 'string' ? 'c.yaml' : 'c.json', text);
  try {
    loadConfigFile(file);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const listen = '127.0.0.1:5555';
const backends = ['127.0.0.1:3306'];
const withSetting = (key: string, value: unknown) => ({ listen, backends, [key]: value });
const listeningOn = (...addresses: unknown[]) => ({ listen: addresses, backends });
/** In the long form: a listener and a pool, or others. */
const services = (others: object) => ({
  listeners: { sql: { address: listen } },
  pools: { default: { backends } },
  ...others,
});
const servedBy = (...servers: unknown[]) => ({ listen, backends: servers });

/** Options that are none, and would be parts of the path. */
const mistyped = (address: string) =>
  [
    [', mode=0660', ',Mode=0660', ',mode:0660', ' mode=0660', ' ,mode=0660', ',mode', '?mode=0660'],
    [
      ',mode=0660,',
      ',,mode=0660',
      ',mode=0660 ',
      ',mode =0660',
      ',group=a b',
      ',b',
      '?',
      '\t',
      ' ',
    ],
  ].flatMap((options) => options.map((option) => address + option));

const good: unknown[] = [
  { listen, backends },
  listeningOn(':5555', ':0', ':0', '[::1]:5556', { address: 'unix:/run/a b,c?.sock' }),
  listeningOn('0.0.0.0:1', '[::]:65535', '[fe80::1%eth0]:5555', '[::ffff:1.2.3.4]:0005'),
  listeningOn('LocalHost:0', 'a_b.example.:80', '3com.com:80', '1.2.3.a:80', 'xn--p1ai:80'),
  listeningOn(`unix:/${'p'.repeat(106)}`, '9.a:65534', '255.249.199.99:65499'),
  listeningOn(`unix:/${'p'.repeat(106)},mode=0660,user=root`, 'unix:/a;b=c,group=0'),
  listeningOn({ address: ':5555' }, { address: 'unix:/a', mode: '666', user: 'root', group: 0 }),
  { listen: { address: 'unix:/a,b', mode: '0600' }, backends },
  servedBy(
    'db1:3306',
    'db2:3306,weight=3',
    'db3:1,max-sessions=50',
    'db4:1,weight=1,max-sessions=1',
  ),
  servedBy('db1:1,addresses=all,weight=2', 'db2:1,max-sessions=2,addresses=first,weight=3', {
    address: 'db3:1',
    addresses: 'all',
  }),
  servedBy('db1:1,max-sessions=1048576,weight=1000', 'db2:1,maxSessions=7', 'db3:1,weight=0999'),
  servedBy({ address: '[::1]:3306', weight: 1000 }, { address: 'unix:/run/a,b', maxSessions: 1 }),
  ...['policy', 'engine', 'accept', 'transfer'].flatMap((key) =>
    (properties[key]?.enum ?? []).map((value) => withSetting(key, value)),
  ),
  ...[1, 256].map((value) => withSetting('threads', value)),
  ...[1, 1_048_576].map((value) => withSetting('maxSessions', value)),
  ...[1, 1_048_576].map((value) => withSetting('maxSessionsPerClient', value)),
  ...['0', '50us', '1000000us', '1000ms', '1s', '0m', 0].map((value) =>
    withSetting('busyPoll', value),
  ),
  ...['0', '1ms', '32400s', '9h', 0].map((value) => withSetting('keepAlive', value)),
  ...durationKeys
    .filter((key) => !['busyPoll', 'keepAlive'].includes(key))
    .flatMap((key) =>
      ['0', '0h', '007s', '250ms', '5s', '1m', '596h', '35760m', '2145600000ms', 0].map((value) =>
        withSetting(key, value),
      ),
    ),
  { listen, backends: '127.0.0.1:3306,weight=2' },
  { listen, backends: { address: '127.0.0.1:3306', weight: 2 } },
  ...['trace', 'silent'].map((value) => withSetting('logLevel', value)),
  ...['pretty', 'json'].map((value) => withSetting('logFormat', value)),
  ...['state.json', '/var/lib/with space/é'].map((value) => withSetting('state', value)),
  { listen, backends, engine: 'stream', accept: 'node' },
  { listen, backends, engine: 'native', accept: 'native' },
  servedBy('db1:1,name=db-1', 'db2:1,weight=2,name=1', { address: 'db3:1', name: 'a.b_c-d' }),
  ...['keep', 'close', { after: '30s' }, { after: '1ms' }].map((value) =>
    withSetting('onRemove', value),
  ),
  ...[1, 1_048_576].map((value) => withSetting('maxPoolSessions', value)),
  ...[0, 1_048_576, { length: 4 }, { length: 4, timeout: '5s' }, { length: 0, timeout: 0 }].map(
    (value) => withSetting('queue', value),
  ),
  services({ pools: { default: { backends, queue: { length: 4, timeout: '0' } } } }),
  ...['tcp', 'http', 'https', 'mysql', 'redis'].flatMap((type) =>
    [type, { type }].map((value) => withSetting('health', value)),
  ),
  ...[
    { interval: '1ms', timeout: '596h', fastInterval: '007s', rise: 1, fall: 100, startDown: true },
    ...['0%', '9%', '10%', '50%'].map((jitter) => ({ jitter })),
    { port: 65_535, send: 'PING\r\n', expect: 'hex:0d0A' },
    ...['db:1', '[::1]:1', 'unix:/a b'].map((address) => ({ address })),
  ].map((value) => withSetting('health', { type: 'tcp', ...value })),
  ...[
    { method: 'OPTIONS', path: '/health?deep=1', host: 'shop.example:81', body: 'ok' },
    ...[200, '200', '200-399', [200], [200, '300-399']].map((statuses) => ({ statuses })),
    { verify: false, serverName: 'shop.example' },
  ].map((value) => withSetting('health', { type: 'https', ...value })),
  withSetting('health', { type: 'mysql', user: 'check', password: '0', role: 'primary' }),
  withSetting('health', { type: 'postgres', user: 'check', database: 'shop', role: 'replica' }),
  withSetting('health', { type: 'redis', username: 'check', password: 'é', role: 'primary' }),
  services({ pools: { default: { backends, health: 'tcp' } } }),
  services({ pools: { default: { backends, health: { type: 'http', interval: '9s' } } } }),
  services({}),
  services({
    listeners: { sql: { address: [':5555', { address: 'unix:/a' }] }, 1: { address: ':2' } },
  }),
  services({ listeners: { sql: { address: ':1', pool: 'default', idleTimeout: '1m' } } }),
  services({
    pools: { default: { backends }, spare: { backends: 'a:1,weight=2', onRemove: 'close' } },
  }),
  services({ threads: 2, logLevel: 'debug', engine: 'stream', accept: 'node' }),
];

const bad: unknown[] = [
  null,
  [],
  {},
  { listen },
  { backends },
  { listen: [], backends },
  { listen, backends: [] },
  { listen, backends: 'a' },
  withSetting('logLevel', 'loud'),
  withSetting('logFormat', 'xml'),
  ...['', 'a\0b', 5, true].map((value) => withSetting('state', value)),
  { listen: 5555, backends },
  { listen, backends, port: 80 },
  { listen, backends, connecttimeout: '5s' },
  ...[
    '',
    '5555',
    'host',
    'host:',
    'host:65536',
    'host:80a',
    ' :80',
    'a b:80',
    '*:80',
    'http://a:80',
  ].map((address) => listeningOn(address)),
  ...['::1:5555', '[::1]', '[]:80', '[127.0.0.1]:80', 'unix:relative', 'unix:'].map((address) =>
    listeningOn(address),
  ),
  ...['127.0.0.300:80', '1.2.3:80', '256.0.0.1:80', 'a..b:80', `unix:/${'p'.repeat(107)}`].map(
    (address) => listeningOn(address),
  ),
  ...mistyped('unix:/a').map((address) => listeningOn(address)),
  ...mistyped('unix:/a').map((address) => servedBy(address)),
  ...[660, '66', '0888', 'rw', null].map((mode) => listeningOn({ address: 'unix:/a', mode })),
  ...[-1, 1.5, '', 2 ** 32 - 1].map((user) => listeningOn({ address: 'unix:/a', user })),
  listeningOn({ address: 'unix:/a', owner: 'root' }),
  listeningOn({ mode: '0600' }),
  ...[
    ':3306',
    'db:0',
    'db:1,weight=0',
    'db:1,weight=1001',
    'db:1,weight',
    'db:1,',
    'db:1,wieght=2',
  ].map((server) => servedBy(server)),
  ...['db:1,addresses=some', 'db:1,max-sessions=0', 'db:1,max-sessions=1048577', 'unix:/a,b'].map(
    (server) => servedBy(server),
  ),
  servedBy('db:1', 'db:1'),
  servedBy({ weight: 1 }),
  servedBy({ address: 'db:1', weight: 1.5 }),
  servedBy({ address: 'db:1', weight: '2' }),
  servedBy({ address: 'db:1', name: 'DB' }),
  servedBy('db:1,name=_db'),
  servedBy({ address: 'db:1', label: 'db' }),
  servedBy({ address: 'db:1', addresses: 'both' }),
  servedBy(3306),
  ...['policy', 'engine', 'accept', 'transfer', 'threads', 'maxSessions', 'idleTimeout'].flatMap(
    (key) => [null, true, [], {}, 'fast', -1, 0.5].map((value) => withSetting(key, value)),
  ),
  withSetting('threads', 257),
  withSetting('maxSessions', 1_048_577),
  ...['5', '5 s', '5S', '50us', '1d', '-5s', '1.5s', '', '597h', '2145600001ms', 2_145_600_001].map(
    (value) => withSetting('connectTimeout', value),
  ),
  ...['1000001us', '1001ms', '2s', '1m', '1h', 1001].map((value) => withSetting('busyPoll', value)),
  ...['50us', '32401s', '10h'].map((value) => withSetting('keepAlive', value)),
  // Thirty seconds or milliseconds?
  ...durationKeys.map((key) => withSetting(key, 30)),
  { listen, backends, engine: 'stream', accept: 'native' },
  ...['drop', null, {}, { after: 0 }, { after: '0' }, { after: 30 }, { after: '1s', first: 1 }].map(
    (value) => withSetting('onRemove', value),
  ),
  ...[-1, 0.5, 1_048_577, '4', true, null, [], {}].map((value) => withSetting('queue', value)),
  ...[-1, '4', null].map((length) => withSetting('queue', { length })),
  ...[30, '5', '1.5s', true, null].map((timeout) => withSetting('queue', { length: 4, timeout })),
  withSetting('queue', { length: 4, time: '5s' }),
  withSetting('queue', { timeout: '5s' }),
  services({ queue: 4 }),
  ...['ping', 'function', 'postgres', null, 1, [], {}, { interval: '1s' }, { check: 'a' }].map(
    (value) => withSetting('health', value),
  ),
  ...['ping', 'function', null].map((type) => withSetting('health', { type })),
  ...[
    ...['0', 0, 30, '1.5s', true].map((interval) => ({ interval })),
    ...[0, 101, '2', 1.5].flatMap((count) => [{ rise: count }, { fall: count }]),
    ...['51%', '10', 10, '-1%', '1.5%'].map((jitter) => ({ jitter })),
    ...[0, 65_536, '80'].map((port) => ({ port })),
    ...[':80', 'db', 80].map((address) => ({ address })),
    ...['', 1, null].map((send) => ({ send })),
    { startDown: 'no' },
    { user: 'check' },
    { role: 'primary' },
    { intervall: '1s' },
  ].map((value) => withSetting('health', { type: 'tcp', ...value })),
  ...[
    { method: 'POST' },
    ...['health', '/a b', ''].map((path) => ({ path })),
    ...['', 'a b'].map((host) => ({ host })),
    ...[99, 600, '20x', [], [99], null, true].map((statuses) => ({ statuses })),
    { body: '' },
    { verify: false },
  ].map((value) => withSetting('health', { type: 'http', ...value })),
  ...['main', '', null].map((role) =>
    withSetting('health', { type: 'mysql', user: 'check', role }),
  ),
  ...['', 7, 'a\0b'].map((user) => withSetting('health', { type: 'postgres', user })),
  withSetting('health', { type: 'redis', user: 'check' }),
  services({ health: 'tcp' }),
  services({ pools: { default: { backends, health: { type: 'tcp', interval: 30 } } } }),
  // The two forms mixed, and settings in the wrong place.
  services({ listen }),
  services({ backends }),
  services({ policy: 'round-robin' }),
  services({ idleTimeout: '1m' }),
  services({ engine: 'stream', accept: 'native' }),
  services({ listeners: undefined }),
  services({ listeners: {} }),
  services({ pools: {} }),
  services({ listeners: [{ address: listen }] }),
  services({ listeners: { SQL: { address: listen } } }),
  services({ listeners: { sql: listen } }),
  services({ listeners: { sql: { pool: 'default' } } }),
  services({ listeners: { sql: { address: [] } } }),
  services({ listeners: { sql: { address: listen, policy: 'round-robin' } } }),
  services({ listeners: { sql: { address: listen, pool: 'De fault' } } }),
  services({ listeners: { sql: { address: listen, idleTimeout: 30 } } }),
  services({ pools: { default: { backends, idleTimeout: '1m' } } }),
  services({ pools: { default: { backends: [] } } }),
  services({ pools: { default: {} } }),
  services({ pools: { default: { backends, connectTimeout: 30 } } }),
  services({ pools: { default: { backends, onRemove: { after: 30 } } } }),
];

/** What no JSON Schema can say, or none that a person could read: `spliceway check` says it. */
const onlyTheProgramRefuses: unknown[] = [
  // Two spellings of one address.
  listeningOn('LOCALHOST:80', 'localhost:80'),
  servedBy('[::1]:80', '[0::1]:80'),
  servedBy('db:1', 'db:1,weight=2'),
  servedBy('db:1,weight=1,weight=2', 'db:2,addresses=all,addresses=all'),
  servedBy('db:1,name=db', 'db:2,name=db'),
  // A backend that is the listener.
  { listen: ':3306', backends },
  // The same listener twice: with port 0 that would be right.
  listeningOn(':80', ':80'),
  // The insides of an IPv6 address, the lengths of a name and of its labels, where hyphens may stand.
  listeningOn('[1::2::3]:80'),
  listeningOn(`${'a'.repeat(64)}:80`),
  listeningOn('-a:80'),
  // A host of the name `unix` would need to be told from a socket.
  listeningOn('unix:80'),
  // Bytes of a path; a schema counts letters.
  listeningOn(`unix:/${'é'.repeat(60)}`),
  // What one key of a health check says of another, and bytes.
  withSetting('health', { type: 'tcp', port: 80, address: 'db:1' }),
  withSetting('health', { type: 'tcp', send: 'hex:0' }),
  withSetting('health', { type: 'http', statuses: '399-200' }),
  withSetting('health', { type: 'http', method: 'HEAD', body: 'ok' }),
  withSetting('health', { type: 'mysql', role: 'primary' }),
  withSetting('health', { type: 'mysql', password: 'secret' }),
  withSetting('health', { type: 'redis', username: 'check' }),
  // What one part of the long form says of another.
  services({ listeners: { sql: { address: listen, pool: 'db' } } }),
  services({ pools: { db: { backends } } }),
  services({ listeners: { sql: { address: ':80' }, web: { address: ':80' } } }),
  services({ listeners: { sql: { address: ':3306' } } }),
  // What only the text shows.
  'listen: :80\nlisten: :81\nbackends: [a:1]\n',
];

const named = (configs: readonly unknown[]) =>
  configs.map((config) => [JSON.stringify(config), config] as const);

describe('the schema', () => {
  it.each(named(good))('accepts what the program accepts: %s', (_, config) => {
    expect(refusal(config)).toBe('');
    validate(config);
    expect(validate.errors).toBeNull();
  });

  it.each(named(bad))('refuses what the program refuses: %s', (_, config) => {
    expect(refusal(config)).not.toBe('');
    expect(validate(config)).toBe(false);
  });

  it.each(named(onlyTheProgramRefuses))('leaves it to the program: %s', (_, config) => {
    expect(refusal(config)).not.toBe('');
    const value = typeof config === 'string' ? parse(config, { uniqueKeys: false }) : config;
    expect(validate(value)).toBe(true);
  });

  it('is what the build put in the package, and what spliceway/config.schema.json names', () => {
    const require = createRequire(import.meta.url);
    expect(require('spliceway/config.schema.json')).toEqual(schema);
  });
});

/** Every file below a folder of the checkout, read. */
function filesBelow(folder: string) {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }));
}

describe('the documents', () => {
  const readme = path.join(root, 'README.md');
  const documents = [{ file: readme, text: readFileSync(readme, 'utf8') }, ...filesBelow('docs')];
  const configuration = readFileSync(path.join(root, 'docs', 'configuration.md'), 'utf8');

  it('and the examples show no configuration that the schema refuses', () => {
    const blocks = documents
      // The JSON of these two is answers.
      .filter(({ file }) => file.endsWith('.md') && !/\/(control|status)\.md$/.test(file))
      .flatMap(({ file, text }) =>
        [...text.matchAll(/```(?:ya?ml|json)\n(.*?)```/gs)].map(([, block = '']) => ({
          file,
          text: block,
        })),
      );
    // Of the seeds for fuzzing, those with every kind of value.
    const seeds = filesBelow('test/fuzz/config').filter(({ file }) =>
      /\/(full|long)\.yaml$/.test(file),
    );
    const whole = [...documents, ...seeds].filter(({ file }) => /\.(ya?ml|json)$/.test(file));
    const configs = [...blocks, ...whole]
      .map(({ file, text }) => ({ file, value: parse(text) as unknown }))
      .filter(({ value }) => typeof value === 'object' && value !== null)
      .filter(({ value }) => 'backends' in (value as object) || 'pools' in (value as object));
    expect(configs.length).toBeGreaterThan(1);
    for (const { file, value } of configs) {
      validate(value);
      expect(validate.errors, file).toBeNull();
    }
  });

  it('have a row for each key of the schema, with its default, and no other', () => {
    const rows = [...configuration.matchAll(/^\| `(\w+)` \|.*\| ([^|]*) \|$/gm)].map(
      ([, key = '', byDefault = '']) => [key, byDefault.match(/^`(.*)`$/)?.[1]] as const,
    );
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(
        Object.entries(properties).map(([key, { default: byDefault }]) => [key, byDefault]),
      ),
    );
  });

  it('and the schema has words for each key, also of a backend, a listener and a pool', () => {
    const formsOf = (list: JsonSchema | undefined) => {
      const forms = (list?.anyOf ?? []) as { items?: { anyOf: JsonSchema[] } }[];
      return forms.flatMap(({ items }) => items?.anyOf ?? []);
    };
    const keysOf = (objects: readonly (JsonSchema | undefined)[]) =>
      objects.flatMap((object) =>
        Object.entries((object?.properties ?? {}) as Record<string, JsonSchema>),
      );
    const inFile = (...places: Place[]) =>
      settingKeys.filter((key) => {
        const { place, kind } = settingOf(key);
        return places.includes(place) && !kind.isFunction;
      });
    const top = schema.properties as Record<string, JsonSchema>;
    const listener = top.listeners?.additionalProperties as JsonSchema;
    const pool = top.pools?.additionalProperties as JsonSchema;
    const ofAddress = ['address', 'mode', 'user', 'group'];
    const ofBackend = [
      ...['name', 'address', 'weight', 'maxSessions', 'addresses'],
      ...['priority', 'backup', 'tags'],
    ];
    const expected: [[string, JsonSchema][], string[]][] = [
      [Object.entries(properties), ['$schema', 'listen', 'backends', ...inFile(...places)]],
      [keysOf([schema]), ['$schema', 'listeners', 'pools', ...inFile('process', 'command')]],
      [
        keysOf([listener]),
        ['address', 'pool', 'maxSessions', 'maxSessionsPerClient', ...inFile('listener')],
      ],
      [keysOf([pool]), ['backends', ...inFile('pool')]],
      [keysOf(formsOf(properties.listen)), ofAddress],
      [keysOf(formsOf(properties.backends)), ofBackend],
    ];
    for (const [keys, names] of expected) {
      expect(keys.map(([key]) => key).sort()).toEqual(names.sort());
      for (const [key, { description }] of keys)
        expect(description, key).toMatch(/^[A-Z].{20,}\.$/);
    }
    expect(listener.properties).toMatchObject({ address: { anyOf: properties.listen?.anyOf } });
    expect(pool.properties).toMatchObject({ backends: { anyOf: properties.backends?.anyOf } });
  });
});
