/** The scripts load what the compiler makes, by a path that no compiler checks. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { listFiles } from '../scripts/lib/files.js';
import { inRoot } from '../scripts/lib/root.js';

/** The sources of the modules of dist/ that a text names, as a path or as the parts of one. */
function sourcesIn(text: string): string[] {
  const joined = text.replace(
    /inRoot\('dist', '([^)]+)'\)/g,
    (_, parts: string) => `../dist/${parts.replaceAll("', '", '/')}`,
  );
  return [...joined.matchAll(/(?:\.\.\/)+dist\/([\w./-]+)\.js\b/g)].map(
    ([, name]) => `src/${name}.ts`,
  );
}

it('finds both ways to name one', () => {
  expect(sourcesIn("inRoot('dist', 'config', 'file.js')")).toEqual(['src/config/file.ts']);
  expect(sourcesIn("from '../../dist/index.js'")).toEqual(['src/index.ts']);
});

it('a module of dist/ that a script or a test loads is made of a file in src/', () => {
  const files = listFiles(['scripts', 'test/helpers', 'test/e2e'], (file) => /\.[jt]s$/.test(file));
  const named = files.flatMap((file) =>
    sourcesIn(readFileSync(inRoot(file), 'utf8')).map((source) => ({ file, source })),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ source }) => !existsSync(inRoot(source)))).toEqual([]);
});
