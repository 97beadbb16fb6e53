/** The licences of what others wrote: docs/third-party-licenses.md. */
import { readFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { bundled } from './bundled.js';
import { linked } from './linked.js';

/** @import { Component, Sbom } from './sbom.js' */

/** Licences that ask for no more than their own text, which each package brings along. SPDX expressions. */
const allowed = [
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'Apache-2.0 WITH LLVM-exception',
  'MIT AND Apache-2.0 WITH LLVM-exception',
];

/** @param {Component} component @returns {string} an SPDX expression */
function licenseOf({ licenses = [] }) {
  const expressions = licenses.map((entry) =>
    'expression' in entry ? entry.expression : (entry.license.id ?? entry.license.name),
  );
  return expressions.join(' AND ') || 'none given';
}

/** @param {Sbom} sbom @returns {string[]} what is under a licence that is not allowed */
export const refused = ({ components }) =>
  components
    .filter((component) => !allowed.includes(licenseOf(component)))
    .map((component) => `${component['bom-ref']}: ${licenseOf(component)}`);

/** @param {readonly Component[]} components */
const rows = (components) =>
  components
    .map((component) => `| ${component.name} | ${component.version} | ${licenseOf(component)} |`)
    .join('\n');

/** @param {string} text @returns {string} the same without trailing blanks, which some of them have */
const tidy = (text) => text.replace(/[^\S\n]+$/gm, '').trim();

/** @param {Sbom} sbom @returns {Promise<string>} the document */
export async function licensesPage({ components }) {
  const parts = linked();
  /** @param {Component} component */
  const isPart = ({ purl }) => parts.some((part) => part.purl === purl);
  const notices = new Map((await bundled()).map(({ ref, notice }) => [ref, tidy(notice)]));
  /** @param {Component} component */
  const isInside = (component) => notices.has(component['bom-ref']);
  const inside = components.filter(isInside);
  const notice = readFileSync(inRoot('node_modules', 'node-addon-api', 'LICENSE.md'), 'utf8');
  return `# Licences of what others wrote

Written by \`npm run docs:licenses\` from package-lock.json; do not edit. Spliceway itself is under the [MIT license](../LICENSE).
The same list for programs, in the form of CycloneDX, is \`dist/sbom.cdx.json\` in the package.

## Installed beside it

Packages that npm installs as its dependencies, each with the text of its licence.

| package | version | licence |
|---|---|---|
${rows(components.filter((component) => !isPart(component) && !isInside(component)))}

## Bundled into its JavaScript

Parts of these are in \`dist/vendor\`. What checks the configuration, zod, is in \`dist/index.cjs\` as well. So are a few helpers of the
bundler, rolldown. Their texts are at the end.

| package | version | licence |
|---|---|---|
${rows(inside)}

## Linked into the prebuilt addons

| part | version | licence |
|---|---|---|
${rows(components.filter(isPart))}

The three of LLVM are the C++ library and what it stands on. \`compiler_rt\` is zig's, in part written after LLVM's. The LLVM
exception asks for no notice in what was compiled; the notices that the MIT licence asks for follow.

### node-addon-api

${notice.trim()}

### compiler_rt of zig

The MIT License (Expat)

Copyright (c) Zig contributors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files
(the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do
so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

## Texts for what is bundled

${inside.map(section).join('\n\n')}
`;
  /** @param {Component} component */
  function section(component) {
    return `### ${component.name}\n\n${notices.get(component['bom-ref'])}`;
  }
}
