/** The documents say what the code does. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { faults } from '../scripts/simulate/faults.js';
import { loadConfigFile } from '../src/config/file.js';
import { errorCatalogue } from '../src/errors/catalogue.js';
import { sessionError } from '../src/errors/session-errors.js';
import type { CloseReason } from '../src/session/session.js';
import { runCommand } from './helpers/cli.js';
import { oneService } from './helpers/config.js';

function read(document: string): string {
  return readFileSync(new URL(`../docs/${document}`, import.meta.url), 'utf8');
}

/** Files of the project, by their path in it. */
function filesIn(...folders: string[]): { file: string; text: string }[] {
  return folders.flatMap((folder) =>
    readdirSync(new URL(`../${folder}/`, import.meta.url), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|js|cc|h|md)$/.test(name))
      .map((name) => `${folder}/${name}`)
      .map((file) => ({
        file,
        text: readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'),
      })),
  );
}

/** A test of this name, in either language; also one for each of several values, or only on some machines. */
function declarationOf(title: string): RegExp {
  const name = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const it = String.raw`\b(?:it|itWhere|test)\b`;
  const forEach = String.raw`${it}\.\w+\((?:(?!${it})[^])*?\)\(\s*'${name}'`;
  return new RegExp(`${it}\\([^']*'${name}'|${forEach}|TEST\\(\\s*"${name}"`);
}

describe('the documents', () => {
  it('list every error code with its meaning, and no other', () => {
    const rows = [...read('errors.md').matchAll(/^\| `(ERR_SPLICEWAY_\w+)` \| (.*) \|$/gm)];
    expect(Object.fromEntries(rows.map(([, code, meaning]) => [code, meaning]))).toEqual(
      errorCatalogue,
    );
  });

  it('show a configuration file that loads', () => {
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(read('configuration.md')) ?? [];
    const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-docs-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'balance.yaml');
    writeFileSync(file, example);
    const { backends, connectTimeoutMs } = oneService(loadConfigFile(file));
    expect(backends.map(({ weight }) => weight)).toEqual([1, 2]);
    expect(connectTimeoutMs).toBe(2000);
  });

  it('name tests of each threat, and what is not defended, that exist', () => {
    const [table = '', rest = ''] = read('THREATS.md').split('## What is not defended');
    const rows = table.split('\n').filter((line) => /^\| [A-Z]/.test(line));
    expect(rows.length).toBeGreaterThan(10);
    for (const text of [...rows, rest]) {
      // A file, and the titles that follow it, up to the next file.
      const named = [...text.matchAll(/`(test\/[\w./-]+)`([^`]*)/g)].map(
        ([, file = '', titles = '']) => ({
          source: readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'),
          titles: [...titles.matchAll(/“([^”]+)”/g)].map(([, title]) => title),
        }),
      );
      expect(named, text).not.toHaveLength(0);
      for (const { source, titles } of named) {
        expect(titles, text).not.toHaveLength(0);
        for (const title of titles) expect(source).toMatch(declarationOf(title ?? ''));
      }
    }
  });

  it.each([
    "it('is there', () => {",
    "itWhere(splices)('is there', () => {",
    "it.each([1, 2])('is there', (count) => {",
    "it.each([\n  ['one', (1)],\n] as const)(\n  'is there',\n  (count) => {",
    "it.skipIf(isRoot())('is there', () => {",
    'TEST(\n    "is there") {',
  ])('are compared with the names of tests, such as %j', (source) => {
    expect(source).toMatch(declarationOf('is there'));
    expect(source).not.toMatch(declarationOf('there'));
  });

  it('are not content with words that name no test', () => {
    const source =
      "it.each([1])('another', () => {}); it('one', () => { expect(f('is there')); });";
    expect(source).not.toMatch(declarationOf('is there'));
  });

  it('list every reason of a close, as its type has it, with the code of its error', () => {
    const source = readFileSync(new URL('../src/model/close-reason.ts', import.meta.url), 'utf8');
    const [, type = ''] = /export type CloseReason =\n(.*?);/s.exec(source) ?? [];
    const reasons = [...type.matchAll(/\/\*\* (.*) \*\/\n {2}\| '([\w-]+)'/g)].map(
      ([, why = '', reason = '']) => {
        const code = sessionError(reason as CloseReason, {})?.code;
        return { reason, why, error: code === undefined ? 'none' : `\`${code}\`` };
      },
    );
    expect(reasons).toHaveLength(type.match(/\|/g)?.length ?? 0);
    const [, section = ''] = /^## Reasons\n(.*?)^## /ms.exec(read('closing.md')) ?? [];
    const rows = [...section.matchAll(/^\| `([\w-]+)` \| (.*) \| (.*) \|$/gm)];
    expect(rows.map(([, reason, why, error]) => ({ reason, why, error }))).toEqual(reasons);
  });

  it('name the flags that the command has', async () => {
    const { stdout } = await runCommand('--help');
    const flags = [...read('configuration.md').matchAll(/`(--[a-z-]+)`/g)].map(([, flag]) => flag);
    expect(flags.length).toBeGreaterThan(8);
    for (const flag of flags) expect(stdout).toContain(flag);
  });
});

describe('the rules of the data plane', () => {
  const [, ...sections] = read('rules.md').split(/^## Rule /m);
  const rules = sections.map((text) => ({ number: text.split(':')[0], text }));
  const sources = filesIn('test', 'native', 'src', 'scripts', 'docs').filter(
    ({ file }) => file !== 'docs/rules.md' && file !== 'test/06.docs.test.ts',
  );

  it('are numbered without a gap, and each has its reason', () => {
    expect(rules.length).toBeGreaterThan(0);
    for (const [index, { number, text }] of rules.entries()) {
      expect(number).toBe(String(index + 1));
      expect(text, number).toMatch(/^\*Why:\* /m);
    }
  });

  it('are all those that the project cites', () => {
    const cited = sources.flatMap(({ text }) => [...text.matchAll(/\brule (\d+)\b/g)]);
    expect(cited.length).toBeGreaterThan(rules.length);
    const known = rules.map(({ number }) => number);
    for (const [words, number] of cited) expect(known, words).toContain(number);
  });

  it('name the files whose tests cite them, and no other', () => {
    const tests = filesIn('test').filter(({ file }) => /[._]test\.(ts|cc)$/.test(file));
    for (const { number, text } of rules) {
      const [, shown = ''] = /^\*Shown by:\* (.*)$/m.exec(text) ?? [];
      const title = new RegExp(`(\\bit(Where)?\\(|TEST\\()\\s*['"]rule ${number}: `);
      const citing = tests.filter((test) => title.test(test.text)).map(({ file }) => `\`${file}\``);
      expect(citing, `rule ${number}`).not.toHaveLength(0);
      expect(shown.split(', ').sort(), `rule ${number}`).toEqual(citing.sort());
    }
  });

  it('rule 13: the addon includes no header of libuv', () => {
    const native = filesIn('native');
    expect(native.length).toBeGreaterThan(30);
    for (const { file, text } of native) expect(text, file).not.toMatch(/#include\s*[<"]uv/);
  });

  it('rule 16: each known fault fits the core as it is, and the page says how soon it is found', () => {
    for (const { name, edits } of faults) {
      for (const { file, before } of edits) {
        const core = readFileSync(new URL(`../native/core/${file}`, import.meta.url), 'utf8');
        expect(core.split(before), `${name}: ${before}`).toHaveLength(2);
      }
    }
    const rows = [...read('simulation.md').matchAll(/^\| (.*) \| [\d,]+ \|$/gm)];
    expect(rows.map(([, name]) => name).sort()).toEqual(faults.map(({ name }) => name).sort());
  });
});
