/** The documents say what the code does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfigFile } from '../src/config/file.js';
import { errorCatalogue } from '../src/errors.js';
import { runCommand } from './helpers/cli.js';

function read(document: string): string {
  return readFileSync(new URL(`../docs/${document}`, import.meta.url), 'utf8');
}

/** A test of this name, in either language. */
function declarationOf(title: string): RegExp {
  const name = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(\\bit(Where)?\\([^']*'${name}'|TEST\\(\\s*"${name}")`);
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
    const { backends, connectTimeoutMs } = loadConfigFile(file);
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

  it('name the flags that the command has', async () => {
    const { stdout } = await runCommand('--help');
    const flags = [...read('configuration.md').matchAll(/`(--[a-z-]+)`/g)].map(([, flag]) => flag);
    expect(flags.length).toBeGreaterThan(8);
    for (const flag of flags) expect(stdout).toContain(flag);
  });
});
