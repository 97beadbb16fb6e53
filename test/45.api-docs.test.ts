/** The reference of the library: the check that `npm test` runs finds what has no words. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tempFiles } from './helpers/temp.js';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const root = fileURLToPath(new URL('..', import.meta.url));
const files = tempFiles();

/** Runs the check, as the checkout sets it, on a library of one file. */
function checkDocs(source: string): { status: number | null; output: string } {
  files.write('package.json', '{ "name": "library" }');
  const options = files.write(
    'typedoc.json',
    JSON.stringify({
      extends: [path.join(root, '.config', 'typedoc.jsonc')],
      entryPoints: [files.write('index.ts', source)],
      tsconfig: files.write('tsconfig.json', '{ "compilerOptions": { "types": [] } }'),
    }),
  );
  const typedoc = path.join(root, 'node_modules', '.bin', 'typedoc');
  const args = ['--options', options, '--emit', 'none'];
  const { status, stdout, stderr } = spawnSync(typedoc, args, { cwd: root, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

// A whole compiler starts in it.
it('what is public without a comment or an exported type, and a dead link, fail the check', {
  timeout: 240_000,
}, () => {
  const { status, output } = checkDocs(`
    /** Ours. */
    export interface Told { told: number; }
    interface Hidden { hidden: number; }
    /** Takes what nobody can name. */
    export function take(hidden: Hidden): void {}
    /** Has a link to {@link Nothing}. */
    export class Holder { silent(): void {} }
  `);
  expect(status).not.toBe(0);
  expect(output).toMatch(/Told\.told .*does not have any documentation/);
  expect(output).toMatch(/Holder\.silent .*does not have any documentation/);
  expect(output).toMatch(/Hidden, .*not included in the documentation/);
  expect(output).toMatch(/resolve link to "Nothing"/);
});

// Whether it says of them what the sources do is for the step `api-docs`.
it('docs/api.md has whatever the package exports, each event and each member', () => {
  const page = read('docs/api.md');
  const exported = [...read('src/index.ts').matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) =>
    list.split(',').flatMap((name) => name.replace(/^\s*type /, '').trim() || []),
  );
  expect(exported.length).toBeGreaterThan(20);
  for (const name of exported) expect(page).toMatch(new RegExp(`^### ${name}(\\(\\))?$`, 'm'));
  const members = [
    'addresses',
    'stats',
    'handoff',
    'close',
    'destroy',
    'toJSON',
    'closed',
    'state',
  ];
  for (const name of members) expect(page).toMatch(new RegExp(`^##### ${name}(\\(\\))?$`, 'm'));
  const events = ['src/session/events.ts', 'src/session/session.ts'].flatMap((file) =>
    [...read(file).matchAll(/^ {2}(\w+): \[/gm)].map(([, name]) => name),
  );
  expect(events).toEqual(expect.arrayContaining(['noBackend', 'listenerPaused', 'open']));
  for (const name of events) expect(page).toContain(`| \`${name}\` | \\[`);
});
