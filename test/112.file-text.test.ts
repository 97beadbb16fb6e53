/** Options as a file has them: whatever runs, what is printed of it is a file that says the same. */
import { describe, expect, it } from 'vitest';
import { numbersFrom } from '../scripts/fuzz/config.js';
import { loadConfigFile } from '../src/config/file.js';
import { fileTextOf } from '../src/config/file-text.js';
import type { ProxyOptions } from '../src/config/options.js';
import { optionsOf } from '../src/config/options-of.js';
import { parseOptions } from '../src/config/schema.js';
import { tempFiles } from './helpers/temp.js';

const files = tempFiles();

/** Each setting with values that it may have. */
const ofProcess = {
  threads: [1, 2, 64],
  engine: ['native', 'stream'],
  transfer: ['copy', 'splice'],
  busyPoll: ['50us', '1ms', 0],
  maxSessions: [1, 100_000],
  maxSessionsPerClient: [1, 7],
  resolveEvery: ['1s', 90_000, 0],
  keepAlive: ['1s', '9h', 0],
};
const durations = ['1ms', 1500, '90s', 3_600_000, '596h'];
const ofListener = { idleTimeout: [...durations, 0], halfCloseTimeout: durations };
const checkTimes = { interval: ['250ms', 1500, '1m'], rise: [1, 10], fall: [1, 10] };
const checks = [
  'tcp',
  { type: 'tcp', send: 'PING\r\n', expect: 'hex:2b' },
  { type: 'tcp', send: '\'"#: - {}\t', jitter: '20%', fastInterval: 100, timeout: 90 },
  { type: 'http', path: '/a?b=c#d', statuses: [200, '300-399'], body: 'ok: yes', startDown: true },
  { type: 'https', verify: false, serverName: 'a.example', method: 'HEAD', port: 8443 },
  { type: 'mysql', user: 'u', password: 'true', role: 'primary' },
  { type: 'postgres', user: '007', password: '1e3', database: 'null' },
  { type: 'redis', username: '~', password: '', address: '[::1]:7', role: 'replica' },
];
const ofPool = {
  policy: ['least-connections', 'random', 'first', 'source-hash'],
  hashKey: ['/24', '/24,/56', 'address-and-port'],
  pickTimeout: durations,
  maxPoolSessions: [1, 500],
  queue: [7, { length: 400, timeout: '5s' }, { length: 1, timeout: 1 }],
  connectTimeout: durations,
  abortOnClose: [false],
  ejectFor: [0, ...durations],
  from: ['127.0.0.1', ['127.0.0.1', '::1']],
  whenAllDown: ['all'],
  slowStart: durations,
  onDown: ['close', { after: '30s' }, { after: 1 }],
  onRemove: ['close', { after: 90_000 }],
  maxSessionAge: durations,
};
const ofBackend = {
  weight: [1, 2, 1000],
  maxSessions: [1, 9],
  priority: [1, 254],
  tags: [{ zone: 'eu-1' }, { interval: '5', timeout: '0x10', on: 'yes', 'a b': '' }],
  addresses: ['all'],
};
/** Names that YAML, or whoever looks for durations, may take for something else. */
const names = ['db', 'null', 'true', '1e3', '0x10', '12', 'timeout', 'interval', 'after', '1.5'];

type Any = ReturnType<typeof numbersFrom>;
type Values = Readonly<Record<string, readonly unknown[]>>;

const oneOf = <Value>(any: Any, values: readonly Value[]) => values[any(values.length)] as Value;
/** About every third of them. */
const some = (any: Any, values: Values) =>
  Object.fromEntries(
    Object.entries(values).flatMap(([key, allowed]) =>
      any(3) === 0 ? [[key, oneOf(any, allowed)]] : [],
    ),
  );
const several = <Value>(any: Any, most: number, make: (index: number) => Value) =>
  Array.from({ length: 1 + any(most) }, (_, index) => make(index));

function addressOf(any: Any, index: number): string {
  const hosts = ['127.0.0.1:', '[::1]:', 'db.example:', '10.0.0.1:'];
  return any(5) === 0 ? `unix:/run/a-${index}.sock` : `${oneOf(any, hosts)}${1000 + index}`;
}

function backendOf(any: Any, index: number): object {
  const name = any(2) === 0 ? {} : { name: `${oneOf(any, names)}-${index}` };
  return { ...name, address: addressOf(any, index), ...some(any, ofBackend) };
}

function poolOf(any: Any): object {
  const check = oneOf(any, checks);
  const health =
    typeof check === 'string' ? check : { interval: '1m', ...check, ...some(any, checkTimes) };
  return {
    backends: several(any, 3, (index) => backendOf(any, index)),
    ...some(any, ofPool),
    ...(any(2) === 0 ? { health } : {}),
  };
}

const unixPath = (any: Any, index: number) =>
  oneOf(any, [`unix:/run/l-${index}`, `unix:/run/with space, comma and #${index}`]);
const listenOf = (any: Any, index: number) =>
  oneOf<unknown>(any, [
    `:${2000 + index}`,
    { address: `[::]:${2000 + index}` },
    { address: unixPath(any, index), mode: oneOf(any, ['0660', '0600', '0777']), group: any(9) },
  ]);

function optionsFrom(any: Any): unknown {
  const settings = some(any, ofProcess);
  if (any(3) === 0) {
    const listen = several(any, 3, (index) => listenOf(any, index));
    return { listen, ...poolOf(any), ...settings, ...some(any, ofListener) };
  }
  const pools = new Set(several(any, 3, () => oneOf(any, names)));
  const listeners = several(any, 3, (index) => [
    oneOf(any, names),
    {
      address: several(any, 2, (more) => listenOf(any, 10 * index + more)),
      pool: oneOf(any, [...pools]),
      ...some(any, ofListener),
    },
  ]);
  return {
    ...settings,
    listeners: Object.fromEntries(listeners),
    pools: Object.fromEntries([...pools].map((name) => [name, poolOf(any)])),
  };
}

/** Options that are right, and others: what one of them asks for another may exclude. */
function configFrom(any: Any) {
  try {
    return parseOptions(optionsFrom(any));
  } catch {
    return undefined;
  }
}

describe('the text of a file', () => {
  it('says what any options say', () => {
    let tried = 0;
    for (let seed = 1; seed <= 1500; seed++) {
      const config = configFrom(numbersFrom(seed));
      if (config === undefined) continue;
      tried += 1;
      const options = optionsOf(config);
      const text = fileTextOf(options);
      const read = loadConfigFile(files.write('any.yaml', text));
      expect(optionsOf(read), `seed ${seed}:\n${text}`).toEqual(options);
    }
    expect(tried).toBeGreaterThan(300);
  });

  it('gives durations a unit, as files need it, and leaves other numbers alone', () => {
    const options: ProxyOptions = {
      listen: ['127.0.0.1:5555'],
      backends: [{ name: 'timeout', address: 'b:1', weight: 5, tags: { after: '7' } }],
      idleTimeout: 1500,
      connectTimeout: 0,
      queue: { length: 5, timeout: 60_000 },
      health: { type: 'tcp', interval: 250, rise: 3 },
    };
    expect(fileTextOf(options)).toBe(`listen:
  - 127.0.0.1:5555
backends:
  - name: timeout
    address: b:1
    weight: 5
    tags:
      after: "7"
idleTimeout: 1500ms
connectTimeout: 0
queue:
  length: 5
  timeout: 1m
health:
  type: tcp
  interval: 250ms
  rise: 3
`);
    const health = { type: 'tcp', interval: 250 } as const;
    const pool = { backends: 'b:1', connectTimeout: 90, health };
    expect(fileTextOf({ pools: { timeout: pool } })).toBe(`pools:
  timeout:
    backends: b:1
    connectTimeout: 90ms
    health:
      type: tcp
      interval: 250ms
`);
  });
});
