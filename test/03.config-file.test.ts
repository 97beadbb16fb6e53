/** The configuration file: how it is read, and where its errors are. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfigFile } from '../src/config/file.js';
import { findJsonError } from '../src/config/json.js';
import { oneService } from './helpers/config.js';

describe('loadConfigFile', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'spliceway-config-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function load(name: string, text: string) {
    const path = join(folder, name);
    writeFileSync(path, text);
    return loadConfigFile(path);
  }
  const loadOne = (name: string, text: string) => oneService(load(name, text));

  function reasonFor(name: string, text: string): string {
    try {
      load(name, text);
    } catch (error) {
      expect(error).toMatchObject({ name: 'SplicewayError', code: 'ERR_SPLICEWAY_CONFIG_FILE' });
      return (error as Error).message.replaceAll(`${folder}/`, '');
    }
    throw new Error('the file was accepted');
  }

  it('reads YAML', () => {
    const config = loadOne(
      'good.yaml',
      [
        '# two databases',
        'listen: :5555',
        'backends:',
        '  - 127.0.0.1:3306',
        '  - address: 127.0.0.1:3307',
        '    weight: 2',
        '  - "[::1]:3308,weight=3"',
        'connectTimeout: 2s',
        'idleTimeout: 0',
      ].join('\n'),
    );
    expect(config.listen).toEqual([{ kind: 'tcp', host: '', port: 5555 }]);
    expect(config.backends.map(({ name, weight }) => [name, weight])).toEqual([
      ['127.0.0.1:3306', 1],
      ['127.0.0.1:3307', 2],
      ['[::1]:3308', 3],
    ]);
    expect(config).toMatchObject({ connectTimeoutMs: 2000, idleTimeoutMs: 0 });
  });

  it('reads JSON, with a byte order mark and tabs too', () => {
    const text = `\uFEFF{\n\t"listen": [":0"],\n\t"backends": ["a:1"]\n}\n`;
    expect(loadOne('good.json', text).backends).toHaveLength(1);
  });

  it('lets a JSON file name its schema, as editors want it', () => {
    const text = '{"$schema": "config.schema.json", "listen": ":0", "backends": ["a:1"]}';
    expect(loadOne('good.json', text).backends).toHaveLength(1);
    expect(() => load('bad.json', text.replace('"config.schema.json"', '1'))).toThrow('$schema');
    expect(() => load('bad.yaml', text)).toThrow('$schema');
  });

  it('reads aliases', () => {
    const text = 'listen: :0\nbackends: [{address: a:1, weight: &w 2}, {address: b:1, weight: *w}]';
    expect(loadOne('alias.yml', text).backends.map(({ weight }) => weight)).toEqual([2, 2]);
  });

  it.each<[string, string, string, string]>([
    ['an empty file', 'a.yaml', '', 'a.yaml: the file is empty'],
    ['white space', 'a.json', ' \n', 'a.json: the file is empty'],
    ['comments only', 'a.yml', '# nothing\n', 'a.yml: the file is empty'],
    ['an unknown extension', 'a.toml', 'x', 'a.toml: the format is unknown; name the file .yaml'],
    ['no extension', 'a', 'x', 'a: the format is unknown'],
    ['a YAML error', 'a.yaml', 'listen: :0\nbackends: [a:1\n', 'a.yaml:3:1: '],
    ['an unquoted v6', 'a.yaml', 'listen: [::1]:80\nbackends: [a:1]', 'needs quotes in YAML'],
    ['a duplicate key', 'a.yaml', 'listen: :0\nlisten: :1', 'a.yaml:2:1: this key is given twice'],
    ['an unknown tag', 'a.yaml', 'listen: !secret x', 'a.yaml:1:9: Unresolved tag: !secret'],
    ['two documents', 'a.yaml', 'listen: :0\n---\nlisten: :1', 'a.yaml:2:1: '],
    ['a list', 'a.yaml', '- a', 'a.yaml:1:1: a list is not a configuration'],
    ['no listener', 'a.yaml', 'backends: [a:1]', 'a.yaml:1:1: listen: give at least one address'],
    [
      'a duration without a unit, which a program gives in milliseconds',
      'a.yaml',
      'listen: :0\nbackends: [a:1]\nidleTimeout: 30',
      'a.yaml:3:14: idleTimeout: "30" is not a duration: the unit is missing; write 30ms or 30s',
    ],
    [
      'a fine duration without a unit',
      'a.json',
      '{"listen": ":0", "backends": ["a:1"], "busyPoll": 50}',
      'a.json:1:51: busyPoll: "50" is not a duration: the unit is missing; write 50us or 50ms',
    ],
    ['no backends', 'a.yaml', 'listen: :0', 'a.yaml:1:1: backends: missing'],
    [
      'an unknown key',
      'a.yaml',
      'listen: :0\nbackend: [a:1]',
      'a.yaml:2:1: backend: unknown option',
    ],
    ['port 70000', 'a.yaml', 'listen: :70000\nbackends: [a:1]', 'a.yaml:1:9: listen: ":70000" is'],
    [
      'weight 0 as text',
      'a.yaml',
      'listen: :0\nbackends:\n  - a:1\n  - b:1,weight=0',
      'a.yaml:4:5: backends[1].weight: 0 is not a whole number',
    ],
    [
      'weight 0 as a field',
      'a.yaml',
      'listen: :0\nbackends:\n  - address: b:1\n    weight: 0',
      'a.yaml:4:13: backends[0].weight: 0 is not a whole number',
    ],
    [
      'an error behind an alias',
      'a.yaml',
      'listen: :0\nbackends:\n  - &b {address: a:1, weight: 0}\n  - *b',
      'a.yaml:3:31: backends[1].weight: 0 is not a whole number',
    ],
    ['JSON with a hole', 'a.json', '{"listen": }', 'a.json:1:12: this is not JSON'],
    ['JSON cut short', 'a.json', '{"listen":\n', 'a.json:2:1: the JSON ends too early'],
    ['a trailing comma', 'a.json', '{"a": [1,\n]}', 'a.json:2:1: this is not JSON; nothing may'],
    ['single quotes', 'a.json', "{'listen': 1}", 'a.json:1:2: this is not JSON; names and text'],
    ['a comment', 'a.json', '{\n// x\n}', 'a.json:2:1: this is not JSON; JSON has no comments'],
    [
      'a mode in JSON',
      'a.json',
      '{"mode": 0660}',
      'a.json:1:11: this is not JSON; a number has no',
    ],
    ['a mode with an o', 'a.json', '{"mode": 0o660}', 'and a mode needs quotes, as in "0660"'],
    [
      'a mode without quotes',
      'a.yaml',
      'listen: {address: "unix:/a", mode: 0o660}\nbackends: a:1',
      'a.yaml:1:36: listen.mode: 432 is not a mode; quote it, so that it stays text in octal digits',
    ],
    [
      'an address that YAML splits at its comma',
      'a.yaml',
      'listen: :0\nbackends: [a:1,weight=2]',
      'a.yaml:2:16: backends[1]: "weight=2" is an option without its address; write both as one text, ' +
        'ADDRESS,name=NAME,weight=N,max-sessions=N,addresses=all,backup, which needs quotes inside brackets of YAML',
    ],
    ['YAML in JSON', 'a.json', 'listen: :0', 'a.json:1:1: this is not JSON'],
    ['a duplicate key', 'a.json', '{"listen":":0","listen":":1"}', 'a.json:1:16: this key is giv'],
    ['a bad value', 'a.json', '{"listen":":0","backends":[]}', 'a.json:1:27: backends: the pool'],
  ])('refuses %s in %s', (_what, name, text, reason) => {
    expect(reasonFor(name, text)).toContain(reason);
  });

  it('reports every wrong value with its own position', () => {
    const text = 'listen: x\nbackends: [a:1]\nthreads: 0\n';
    expect(reasonFor('many.yaml', text).split('\n')).toEqual([
      expect.stringMatching(/^many\.yaml:1:9: listen: /),
      expect.stringMatching(/^many\.yaml:3:10: threads: /),
    ]);
  });

  it('refuses aliases that grow without bound', () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const of = level === 0 ? '"x"' : `*a${level - 1}`;
      return `a${level}: &a${level} [${Array(9).fill(of).join(',')}]`;
    });
    expect(reasonFor('bomb.yaml', levels.join('\n'))).toContain('aliases cannot be resolved');
  });

  it.each([
    ['with a byte order mark', '\uFEFF'],
    ['without one', ''],
  ])('says that a file is UTF-16, %s', (_, mark) => {
    const bytes = Buffer.from(`${mark}listen: :0\nbackends: a:1\n`, 'utf16le');
    for (const [name, text] of Object.entries({ le: bytes, be: Buffer.from(bytes).swap16() })) {
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, text);
      expect(() => loadConfigFile(file)).toThrow(`${file}: it is text in UTF-16, as some editors`);
    }
  });

  it('refuses a file that cannot be read', () => {
    mkdirSync(join(folder, 'folder.yaml'));
    expect(() => loadConfigFile(join(folder, 'absent.yaml'))).toThrow('there is no such file');
    expect(() => loadConfigFile(join(folder, 'folder.yaml'))).toThrow('it is a directory');
  });
});

describe('findJsonError', () => {
  it.each([
    '0',
    '-1.5e+3',
    '"a\\u00e9\\n"',
    'null',
    '[]',
    '{}',
    ' [1, [2, {"a": {}}], true] ',
    '{"a": [], "b": {"c": "d"}}',
  ])('finds none in %s', (text) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(findJsonError(text)).toBeUndefined();
  });

  it.each([
    ['', 0],
    ['01', 1],
    ['[1 2]', 3],
    ['[1,]', 3],
    ['[,1]', 1],
    ['{,}', 1],
    ['{"a"}', 4],
    ['{"a":1,}', 7],
    ['{1:1}', 1],
    ['[}', 1],
    ['{]', 1],
    ['[1}', 2],
    ['{"a":1]', 6],
    ['"a', 0],
    ['"\\x"', 0],
    ['nul', 0],
    ['{}x', 2],
    ['[[1]', 4],
  ])('finds the one in %s at %d', (text, offset) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(findJsonError(text)).toBe(offset);
  });
});
