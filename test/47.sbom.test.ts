/** What others wrote and the package brings: the bill of materials and the licences. */
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { licensesPage, refused } from '../scripts/pack/licenses.js';
import { type Component, type Sbom, sbom } from '../scripts/pack/sbom.js';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

let bill: Sbom;
beforeAll(async () => {
  bill = await sbom();
});

const bundles = readdirSync(new URL('../dist/vendor', import.meta.url))
  .filter((name) => name.endsWith('.js'))
  .map((name) => `dist/vendor/${name}`);

/** What dist/ has parts of, by the comments that the bundler leaves over each; its own helpers have a path of no file. */
const carried = ['dist/index.cjs', ...bundles]
  .flatMap((file) => [
    ...read(file).matchAll(/^\/\/ (?:.*node_modules\/|\\0)((?:@[^/]+\/)?[^/]+)\//gm),
  ])
  .map(([, name = '']) => name);

it('the bill has every package that npm installs with this one, and every one that dist/ carries parts of', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { version: string; dev?: boolean; devOptional?: boolean }>;
  };
  const installed = Object.entries(packages).flatMap(([path, { version, dev, devOptional }]) =>
    path === '' || dev || devOptional ? [] : [`${path.replace(/.*node_modules\//, '')}@${version}`],
  );
  expect(installed).toEqual([expect.stringMatching(/^bindings@/), expect.any(String)]);
  const listed = bill.components.filter(
    ({ purl }) => purl.startsWith('pkg:npm/') && !purl.includes('node-addon-api'),
  );
  const inside = listed.filter(({ description }) => description === 'Bundled into dist');
  const beside = listed.filter((component) => !inside.includes(component));
  expect(beside.map((component) => component['bom-ref']).sort()).toEqual(installed.sort());
  expect(carried).toEqual(
    expect.arrayContaining(['zod', 'yaml', 'pino', 'commander', '@pinojs/redact', 'rolldown']),
  );
  expect(new Set(inside.map(({ name }) => name))).toEqual(new Set(carried));
});

it('nothing of the bill says that the package carries it for development alone', () => {
  expect(JSON.stringify(bill.components)).not.toContain('cdx:npm:package:development');
  for (const { scope } of bill.components) expect(scope).toBe('required');
});

it('the bill has what is linked into the addons, and what the package needs directly', () => {
  const names = bill.components.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['node-addon-api', 'libcxx', 'libcxxabi', 'libunwind', 'compiler_rt']),
  );
  const { dependencies } = JSON.parse(read('package.json')) as {
    dependencies: Record<string, string>;
  };
  const [self] = bill.dependencies;
  const needed = self?.dependsOn.map((ref) => ref.replace(/@[^@]*$/, ''));
  expect(needed).toEqual(expect.arrayContaining(Object.keys(dependencies)));
});

it('the bill names each dependency of a component once, and none twice among the components', () => {
  const lists = [bill.components.map((component) => component['bom-ref'])];
  for (const { dependsOn } of bill.dependencies) lists.push(dependsOn);
  for (const refs of lists) expect(refs).toEqual([...new Set(refs)]);
});

it('the bill is the same each time it is made, and wherever the checkout is', async () => {
  const text = JSON.stringify(bill);
  expect(JSON.stringify(await sbom())).toBe(text);
  expect(text).not.toMatch(/timestamp|urn:uuid/);
  expect(bill.metadata.component.name).toBe('spliceway');
});

it('no licence is one that was not agreed to', () => {
  expect(refused(bill)).toEqual([]);
  const copyleft = { ...bill.components[0], licenses: [{ license: { id: 'GPL-3.0-only' } }] };
  const unknown = { ...bill.components[0], licenses: [] };
  const components = [copyleft, unknown] as Component[];
  expect(refused({ ...bill, components })).toHaveLength(2);
});

it('docs/third-party-licenses.md is up to date; else: npm run docs:licenses', async () => {
  expect(read('docs/third-party-licenses.md')).toBe(await licensesPage(bill));
});

it('docs/third-party-licenses.md has the text of the licence of all that dist/ carries', () => {
  const page = read('docs/third-party-licenses.md');
  for (const name of carried) {
    const [, after = ''] = page.split(`\n### ${name}\n`);
    const [text] = after.split('\n### ');
    expect(text, name).toMatch(
      /(copyright|\(c\)).*(permission is hereby|redistribution and use|permission to use)/is,
    );
  }
});
