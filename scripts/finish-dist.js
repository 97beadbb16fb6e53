/** A step of `npm run build:ts`: what of dist/ the compiler does not make. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';
import { inRoot } from './lib/root.js';
import { vendored } from './lib/vendor.js';

// The source reads package.json, which a bundle does not have beside it.
const { version, bugs } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
const values = Object.entries({ version, placeForReports: bugs.url });
writeFileSync(
  inRoot('dist', 'version.js'),
  values.map(([name, value]) => `export const ${name} = '${value}';\n`).join(''),
);
rmSync(inRoot('dist', 'version.js.map'), { force: true });

// The source reads the files of the page, as they were written. Nothing compiles them.
const pageFolder = ['src', 'control', 'status', 'page'];
const pageFiles = readdirSync(inRoot(...pageFolder))
  .filter((name) => /\.(?:html|css|js|svg)$/.test(name))
  .map((name) => [name, readFileSync(inRoot(...pageFolder, name), 'utf8')]);
writeFileSync(
  inRoot('dist', 'control', 'status', 'page-files.js'),
  `export const pageFiles = ${JSON.stringify(Object.fromEntries(pageFiles), null, 2)};\n`,
);
rmSync(inRoot('dist', 'control', 'status', 'page-files.js.map'), { force: true });

// So that nobody installs dozens of packages for a few functions of each.
for (const { file, code } of await vendored()) {
  writeFileSync(inRoot(file), code);
  rmSync(inRoot(`${file}.map`), { force: true });
}

/*
 * For what cannot require() an ES module, such as Jest. Node and bundlers, which can, are led to the ES module by package.json,
 * so that a program never has two copies of a class.
 */
const bundle = await rolldown({
  input: inRoot('dist', 'index.js'),
  platform: 'node',
});
// One file, in which what is imported late still runs late.
await bundle.write({ file: inRoot('dist', 'index.cjs'), format: 'cjs', codeSplitting: false });
await bundle.close();

// Of the same declarations, so that a type is the same whichever way it came.
const library = await import(inRoot('dist', 'index.js'));
const asModule = `with { 'resolution-mode': 'import' }`;
const declarations = Object.entries(library).flatMap(([name, value]) => [
  `export declare const ${name}: Library['${name}'];`,
  ...(/^class\b/.test(String(value))
    ? [`export type ${name} = InstanceType<Library['${name}']>;`]
    : []),
]);
writeFileSync(
  inRoot('dist', 'index.d.cts'),
  [
    `type Library = typeof import('./index.js', ${asModule.replace('with {', '{ with: {')} });`,
    `export type * from './index.js' ${asModule};`,
    ...declarations,
    '',
  ].join('\n'),
);
