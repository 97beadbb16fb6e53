/** Health checks in the configuration: what is taken, what is refused, and how it is told. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfigFile } from '../src/config/file.js';
import { healthShapes, healthTypes } from '../src/config/health-schema.js';
import { optionsOf } from '../src/config/options-of.js';
import { parseOptions } from '../src/config/schema.js';
import { settingOf } from '../src/config/shapes.js';
import { tempFiles } from './helpers/temp.js';

const backends = '127.0.0.1:3306';
const check = () => true;
const files = tempFiles();
const parse = (health: unknown) => parseOptions({ backends, health });
const healthOf = (health: unknown) => parse(health).pools[0]?.health;

/** What is wrong with it; empty when nothing is. */
function refusal(health: unknown): string {
  try {
    parse(health);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const schedule = {
  intervalMs: 2000,
  timeoutMs: 2000,
  rise: 2,
  fall: 3,
  jitterPercent: 10,
  fastIntervalMs: 500,
  startDown: false,
};

describe('a health check', () => {
  it('is none where nobody asks for one', () => {
    expect(parseOptions({ backends }).pools[0]).not.toHaveProperty('health');
    expect(parse(undefined).pools[0]).not.toHaveProperty('health');
  });

  it('is its type, and the defaults of that', () => {
    const request = { method: 'GET', path: '/', statuses: [{ from: 200, to: 399 }] };
    expect(healthOf('tcp')).toEqual({ type: 'tcp', ...schedule });
    expect(healthOf({ type: 'http' })).toEqual({ type: 'http', ...schedule, ...request });
    expect(healthOf('https')).toEqual({ type: 'https', ...schedule, ...request, verify: true });
    expect(healthOf({ check, rise: undefined })).toEqual({ type: 'function', ...schedule, check });
  });

  it('has what is given', () => {
    const given = { interval: 1500, timeout: '1s', fastInterval: '1m', jitter: '0%', port: 81 };
    expect(healthOf({ type: 'tcp', ...given, rise: 1, fall: 1, startDown: true })).toEqual({
      ...{ type: 'tcp', intervalMs: 1500, timeoutMs: 1000, fastIntervalMs: 60_000 },
      ...{ jitterPercent: 0, port: 81, rise: 1, fall: 1, startDown: true },
    });
    expect(healthOf({ type: 'http', statuses: [204, '200-299', '404'] })).toMatchObject({
      statuses: [
        { from: 204, to: 204 },
        { from: 200, to: 299 },
        { from: 404, to: 404 },
      ],
    });
    expect(healthOf({ type: 'redis', address: 'DB:6379' })).toMatchObject({
      address: { kind: 'tcp', host: 'db', port: 6379 },
    });
  });

  it('is of a pool in the long form, and of no other place', () => {
    const pools = { db: { backends, health: { type: 'tcp', interval: '3s' } } };
    expect(parseOptions({ pools }).pools[0]?.health).toMatchObject({ intervalMs: 3000 });
    expect(() => parseOptions({ pools: { db: { backends } }, health: 'tcp' })).toThrow(
      'health: this is a setting of a pool; write it as pools.NAME.health',
    );
  });

  it.each([
    ['tcp'],
    [{ type: 'tcp', send: 'hex:0d0a', expect: 'PONG', interval: '250ms', jitter: '7%', port: 81 }],
    [{ type: 'http', path: '/health', statuses: [200, '300-399'], timeout: '3s', fall: 1 }],
    [{ type: 'https', verify: false, serverName: 'a', host: 'b', method: 'HEAD' }],
    [{ type: 'mysql', user: 'check', password: 'secret', role: 'primary' }],
    [{ type: 'postgres', user: 'check', database: 'shop', startDown: true }],
    [{ type: 'redis', address: '[::1]:6379', role: 'replica' }],
    [{ check, fastInterval: '1s', rise: 5 }],
  ])('is given back as it was written, without what is the default: %j', (health) => {
    const config = parse(health);
    expect(parseOptions(optionsOf(config))).toEqual(config);
    const written = typeof health === 'string' ? { type: health } : health;
    expect(optionsOf(config)).toEqual({ backends: [{ address: backends }], health: written });
  });
});

describe('a health check that is wrong', () => {
  it.each<[unknown, string]>([
    [7, 'health: 7 is no health check; write { type: tcp }, or one of the other types'],
    [
      'htp',
      'health: "htp" is not a type of health check (did you mean "http"?); choose tcp or http or https or mysql or postgres or redis',
    ],
    [
      { type: 'function' },
      'health.type: "function" is not a type of health check; choose tcp or http or https or mysql or postgres or redis',
    ],
    [
      { interval: '1s' },
      'health.type: the type is missing; choose tcp or http or https or mysql or postgres or redis',
    ],
    [
      { type: 'tcp', check },
      'health.check: a check of a type has no function; leave one of both out',
    ],
    [
      { check: 'ping' },
      'health.check: "ping" is not a function; only a program has one, or name a type: tcp, http, https, mysql, postgres, redis',
    ],
    ['postgres', 'health.user: missing; write text'],
    [
      { type: 'tcp', interval: 0 },
      'health.interval: 0 is not a duration of more than 0; write 500ms, 5s, 1m or 1h',
    ],
    [
      { type: 'tcp', timeout: '1.5s' },
      'health.timeout: "1.5s" is not a duration: the number must be whole; write 1500ms instead of 1.5s',
    ],
    [
      { type: 'tcp', jitter: 10 },
      'health.jitter: 10 is not a share of 0% to 50%; write it as in 10%',
    ],
    [{ type: 'tcp', rise: 0 }, 'health.rise: 0 is not a whole number from 1 to 100'],
    [
      { type: 'tcp', port: 1, address: 'a:1' },
      'health.port: the address has a port already; leave one of both out',
    ],
    [
      { type: 'tcp', address: 'a' },
      'health.address: "a" is not an address: the port is missing; write a:5555',
    ],
    [
      { type: 'tcp', send: 'hex:1' },
      'health.send: "hex:1" is neither text nor bytes; write "PING", or "hex:50494e47"',
    ],
    [
      { type: 'tcp', intervall: '1s' },
      'health.intervall: unknown option (did you mean "interval"?)',
    ],
    [
      { type: 'tcp', colour: 1 },
      'health.colour: unknown option; the options of tcp are type, interval, timeout, rise, fall, jitter, fastInterval, startDown, port, address, send, expect',
    ],
    [
      { type: 'tcp', role: 'primary' },
      'health.role: not an option of tcp, but of mysql, postgres, redis',
    ],
    [{ check, user: 'a' }, 'health.user: not an option of function, but of mysql, postgres'],
    [
      { type: 'http', statuses: [200, 600] },
      'health.statuses: 600 is neither a status nor a range of them; write 200, or 200-399',
    ],
    [{ type: 'http', statuses: [] }, 'health.statuses: there is no status; write 200, or 200-399'],
    [{ type: 'http', path: 'health' }, 'health.path: "health" is not a path, as in /health'],
    [
      { type: 'http', path: '/a\r\nb: c' },
      'health.path: "/a\\r\\nb: c" is not a path, as in /health',
    ],
    [
      { type: 'http', method: 'get' },
      'health.method: "get" is not a method (did you mean "GET"?); choose GET or HEAD or OPTIONS',
    ],
    [
      { type: 'http', method: 'HEAD', body: 'ok' },
      'health.body: an answer to HEAD has none; use GET, or leave body out',
    ],
    [
      { type: 'mysql', role: 'primary' },
      'health.role: only an account may ask for it; give user as well',
    ],
    [
      { type: 'redis', username: 'a' },
      'health.username: an account logs in with its password; give password as well',
    ],
  ])('%j', (health, message) => {
    expect(refusal(health)).toBe(message);
  });

  it('says where that is in the long form', () => {
    const pools = { db: { backends, health: { type: 'mysql', username: 'a' } } };
    expect(() => parseOptions({ pools })).toThrow(
      'pools.db.health.username: not an option of mysql, but of redis',
    );
  });

  it('says where that is in a file, which gives durations a unit', () => {
    const file = files.write(
      'c.yaml',
      'listen: :5555\nbackends: a:1\nhealth:\n  type: tcp\n  interval: 30\n  user: check\n',
    );
    expect(() => loadConfigFile(file)).toThrow(
      `${file}:5:13: health.interval: "30" is not a duration: the unit is missing; write 30ms or 30s\n` +
        `${file}:6:3: health.user: not an option of tcp, but of mysql, postgres`,
    );
  });

  it('is told without a password', () => {
    for (const password of ['', 4711, ['secret'], 'sec\0ret']) {
      const message = refusal({ type: 'mysql', user: 'check', password });
      expect(message).toMatch(/^health\.password: this is /);
      expect(message).not.toMatch(/4711|sec/);
    }
  });
});

describe('what people see of it', () => {
  it('is its type and its interval, and no password', () => {
    const health = healthOf({ type: 'redis', password: 'secret', interval: '5s' });
    expect(settingOf('health').kind.format(health)).toBe('redis every 5s');
  });

  it('has a row in docs/health-checks.md for each key, with its default', () => {
    const page = readFileSync(new URL('../docs/health-checks.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(\w+)` \|.*\|([^|]*)\|$/gm)].map(
      ([, key = '', text = '']) => [key, /^ `([^`]+)` $/.exec(text)?.[1]],
    );
    const defaults = healthTypes.flatMap((type) =>
      Object.entries(healthShapes[type]).map(([key, schema]) => {
        const { def } = schema as { def: { defaultValue?: unknown } };
        return [key, def.defaultValue === undefined ? undefined : String(def.defaultValue)];
      }),
    );
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(defaults));
  });
});
