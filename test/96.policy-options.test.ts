/** Options of policies, and of backends for them. */
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { loadConfigFile } from '../src/config/file.js';
import { configFileSchema } from '../src/config/json-schema.js';
import type { BackendOptions } from '../src/config/options.js';
import { optionsOf } from '../src/config/options-of.js';
import { parseOptions } from '../src/config/schema.js';
import { policyNames } from '../src/policy/registry.js';
import { runCommand } from './helpers/cli.js';
import { oneService } from './helpers/config.js';
import { tempFiles } from './helpers/temp.js';

const files = tempFiles();
const backendOf = (given: string | BackendOptions) =>
  oneService(parseOptions({ backends: [given] })).backends[0];
const settingsOf = (given: object) =>
  oneService(parseOptions({ backends: 'a:1', ...given } as never));
const refusalOf = (given: object): string => {
  try {
    settingsOf(given);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

function validator() {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false });
  ajv.addVocabulary(['patternErrorMessage']);
  return ajv.compile(JSON.parse(JSON.stringify(configFileSchema())));
}
const validate = validator();
const isInSchema = (given: object) => validate({ listen: ':5555', backends: 'a:1', ...given });

describe('a backend', () => {
  it.each<[string | BackendOptions, object]>([
    ['a:1', {}],
    ['a:1,backup', { priority: 1 }],
    ['a:1,weight=3,backup,name=x', { name: 'x', weight: 3, priority: 1 }],
    ['a:1,priority=255', { priority: 255 }],
    ['a:1,priority=0', {}],
    [{ address: 'a:1', backup: true }, { priority: 1 }],
    [{ address: 'a:1', backup: false }, {}],
    [{ address: 'a:1', priority: 7 }, { priority: 7 }],
    [
      { address: 'a:1', tags: { zone: 'eu-1', 'a.b_c-1': '' } },
      { tags: { zone: 'eu-1', 'a.b_c-1': '' } },
    ],
  ])('as %j is %j', (given, expected) => {
    const address = { kind: 'tcp', host: 'a', port: 1 };
    expect(backendOf(given)).toEqual({ name: 'a:1', address, weight: 1, ...expected });
    expect(isInSchema({ backends: [given] })).toBe(true);
  });

  it.each<[unknown, string]>([
    ['a:1,priority=256', 'backends[0].priority: 256 is not a whole number from 0 to 255'],
    ['a:1,priority=-1', 'backends[0].priority: -1 is not a whole number'],
    ['a:1,backup=true', 'backends[0]: "backup=true" is not an option'],
    ['a:1,Backup', 'backends[0]: "Backup" is not an option'],
    ['backup', 'backends[0]: "backup" is an option without its address'],
    [{ address: 'a:1', backup: 'yes' }, 'backends[0].backup: "yes" is neither true nor false'],
    [{ address: 'a:1', tags: ['x'] }, 'backends[0].tags: a list is not an object of tags'],
    [{ address: 'a:1', tags: { zone: 1 } }, 'backends[0].tags.zone: 1 is not the value of a tag'],
    [{ address: 'a:1', tags: { Zone: 'x' } }, '"Zone" is not the key of a tag'],
    [{ address: 'a:1', tags: { a: 'x'.repeat(256) } }, 'backends[0].tags.a: "xxx'],
    [{ address: 'a:1', tags: { ['k'.repeat(64)]: '' } }, 'is not the key of a tag'],
  ])('cannot be %j', (given, message) => {
    expect(refusalOf({ backends: [given] })).toContain(message);
    expect(isInSchema({ backends: [given] })).toBe(false);
  });

  it.each<[unknown, string]>([
    ['a:1,backup,backup', 'backends[0]: backup is given twice'],
    ['a:1,backup,priority=2', 'backends[0].backup: backup is priority 1; give one of the two'],
    [{ address: 'a:1', backup: false, priority: 2 }, 'backup is priority 1; give one of the two'],
    ['a:1,tags=x', 'backends[0].tags: "x" is not an object of tags'],
  ])('cannot be %j either', (given, message) => {
    expect(refusalOf({ backends: [given] })).toContain(message);
  });

  it('has 16 tags at most, and none of the key __proto__', () => {
    const tags = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 'x']));
    const withTags = (given: object) => ({ backends: [{ address: 'a:1', tags: given }] });
    expect(refusalOf(withTags(tags(16)))).toBe('');
    expect(refusalOf(withTags(tags(17)))).toContain('tags: there are 17 tags; give 16 at most');
    expect(isInSchema(withTags(tags(17)))).toBe(false);
    expect(refusalOf(withTags(JSON.parse('{"__proto__":"x"}')))).toContain('"__proto__" is not');
  });

  it('has tags that are a copy, which nobody can change', () => {
    const tags = { zone: 'a' };
    const backend = backendOf({ address: 'a:1', tags });
    tags.zone = 'b';
    expect(backend?.tags).toEqual({ zone: 'a' });
    expect(Object.isFrozen(backend?.tags)).toBe(true);
  });
});

describe('the settings of policies', () => {
  it.each(policyNames)('have a policy %s', (policy) => {
    expect(settingsOf({ policy }).policy).toBe(policy);
    expect(isInSchema({ policy })).toBe(true);
  });

  it.each([
    ['address', 32, 128, false],
    ['address-and-port', 32, 128, true],
    ['/24', 24, 64, false],
    ['/1', 1, 64, false],
    ['/32,/128', 32, 128, false],
    ['/9,/99', 9, 99, false],
  ])('have a hashKey %s', (hashKey, ipv4Prefix, ipv6Prefix, withPort) => {
    expect(settingsOf({ hashKey }).hashKey).toEqual({ ipv4Prefix, ipv6Prefix, withPort });
    expect(isInSchema({ hashKey })).toBe(true);
  });

  it.each([
    '',
    'port',
    '24',
    '/0',
    '/33',
    '/024',
    '/24,56',
    '/24,/129',
    '/24,/56,/1',
    '/a',
    24,
    null,
  ])('have no hashKey %j', (hashKey) => {
    const message =
      'is not what clients can be told apart by; write address, address-and-port, /24';
    expect(refusalOf({ hashKey })).toContain(message);
    expect(isInSchema({ hashKey })).toBe(false);
  });

  it('have two numbers of slots', () => {
    expect(settingsOf({}).hashSlots).toBe(65_537);
    expect(settingsOf({ hashSlots: 655_373 }).hashSlots).toBe(655_373);
    for (const hashSlots of [65_536, '65537', 0, null]) {
      expect(refusalOf({ hashSlots })).toContain('choose 65537 or 655373');
      expect(isInSchema({ hashSlots })).toBe(false);
    }
  });

  it('are given back as they were, but in one spelling, and mean the same', () => {
    const given = {
      backends: [
        { address: 'a:1', priority: 1, tags: { zone: 'eu' } },
        { address: 'b:1', name: 'b', priority: 200 },
        { address: 'c:1' },
      ],
      policy: 'source-hash',
      hashKey: '/24,/64',
      hashSlots: 655_373,
      pickTimeout: '2s',
    } as const;
    const config = parseOptions(given);
    expect(optionsOf(config)).toEqual(given);
    expect(parseOptions(optionsOf(config))).toEqual(config);
    const defaults = { hashKey: 'address', hashSlots: 65_537, pickTimeout: 1000 } as const;
    expect(optionsOf(parseOptions({ backends: 'a:1', ...defaults }))).toEqual({
      backends: [{ address: 'a:1' }],
    });
    const port = { backends: [{ address: 'a:1' }], hashKey: 'address-and-port' };
    expect(optionsOf(parseOptions(port))).toEqual(port);
  });

  it('are in a file, and in what spliceway check says of it', async () => {
    const file = files.write(
      'policies.yaml',
      'listeners: { sql: { address: ":5555", pool: db } }\n' +
        'pools:\n  db:\n    policy: source-hash\n    hashKey: /24\n' +
        '    backends: [{ address: a:1, tags: { zone: eu, rack: "7" } }, "b:1,backup"]\n',
    );
    expect(loadConfigFile(file).pools[0]).toMatchObject({ policy: 'source-hash' });
    const { stdout } = await runCommand('check', '--config', file);
    expect(stdout).toContain('    backend   a:1, weight 1, tags zone=eu rack=7\n');
    expect(stdout).toContain('    backend   b:1, weight 1, priority 1\n');
    expect(stdout).toContain('    policy    source-hash\n');
    expect(stdout).toContain('    hash      by /24,/64, slots 65537\n');
  });

  it('are flags, and wrong ones are refused by their names', async () => {
    const serve = ['--listen', '127.0.0.1:0', '--backend', 'a:1,backup'];
    const { stdout } = await runCommand('--help');
    expect(stdout).toMatch(/--hash-key <key>/);
    expect(stdout).toMatch(/--hash-slots <number>/);
    for (const [flag, value] of [
      ['--hash-key', '/99'],
      ['--hash-slots', '7'],
    ] as const) {
      const { status, stderr } = await runCommand(...serve, flag, value);
      expect(stderr).toContain(`${flag}: `);
      expect(status).toBe(2);
    }
  });
});
