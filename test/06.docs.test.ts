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

  it('name the flags that the command has', async () => {
    const { stdout } = await runCommand('--help');
    const flags = [...read('configuration.md').matchAll(/`(--[a-z-]+)`/g)].map(([, flag]) => flag);
    expect(flags.length).toBeGreaterThan(8);
    for (const flag of flags) expect(stdout).toContain(flag);
  });
});
