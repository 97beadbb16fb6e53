/** The bill of materials of the package, in CycloneDX's form: what it depends on, what dist/ carries, and what the addons do. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { bundled } from './bundled.js';
import { linked } from './linked.js';

/**
 * @typedef {object} Component
 * @property {string} bom-ref
 * @property {string} name
 * @property {string} version
 * @property {string} purl
 * @property {({ license: { id?: string, name?: string } } | { expression: string })[]} licenses
 * @property {string} [scope]
 * @property {string} [description]
 * @property {{ name: string, value: string }[]} [properties]
 *
 * @typedef {{ ref: string, dependsOn: string[] }} Dependency
 *
 * @typedef {object} Sbom
 * @property {string} [serialNumber]
 * @property {{ timestamp?: string, tools?: unknown, component: Component }} metadata
 * @property {Component[]} components
 * @property {Dependency[]} dependencies
 */

/**
 * Asked for everything and sorted out here: with `--omit=dev` npm 11 also leaves out what the package depends on,
 * wherever a development dependency uses it as well.
 *
 * @param {Component} component
 */
const isForDevelopment = ({ properties = [] }) =>
  properties.some(({ name }) => name === 'cdx:npm:package:development');

/**
 * The same for the same package-lock.json: without the time, and without a number of its own.
 *
 * @throws {Error} when npm fails
 * @returns {Promise<Sbom>}
 */
export async function sbom() {
  const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--loglevel=error'];
  const { status, output } = await run('npm', args);
  if (status !== 0) throw new Error(`${output}\nnpm sbom failed (above).`);
  const { serialNumber, ...all } = /** @type {Sbom} */ (
    JSON.parse(output.slice(output.search(/^\{/m)))
  );
  const { timestamp, tools, ...metadata } = all.metadata;
  const { name } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  const inside = new Set((await bundled()).map(({ ref }) => ref));
  const packages = all.components
    .filter((component) => inside.has(component['bom-ref']) || !isForDevelopment(component))
    .map((component) => (inside.has(component['bom-ref']) ? asBundled(component) : component))
    .sort((one, other) => (one['bom-ref'] < other['bom-ref'] ? -1 : 1));
  const parts = linked().map(asComponent);
  const components = [...packages, ...parts];
  const refs = new Set(components.map((component) => component['bom-ref']));
  const self = metadata.component['bom-ref'];
  const dependencies = all.dependencies
    .filter(({ ref }) => ref === self || refs.has(ref))
    .map(({ ref, dependsOn }) => ({
      ref,
      // npm lists node-addon-api, a part, by itself; and each may stand here only once.
      dependsOn: [
        ...new Set([
          ...dependsOn.filter((other) => refs.has(other)),
          ...(ref === self ? parts.map((part) => part['bom-ref']) : []),
        ]),
      ],
    }));
  return {
    ...all,
    // npm calls it by the name of the folder.
    metadata: { ...metadata, component: { ...metadata.component, name } },
    components,
    dependencies: [
      ...dependencies,
      ...parts.map((part) => ({ ref: part['bom-ref'], dependsOn: [] })),
    ],
  };
}

/** What npm knows as a package for development, and the package carries. @param {Component} component @returns {Component} */
function asBundled({ properties, ...component }) {
  return { ...component, scope: 'required', description: 'Bundled into dist' };
}

/** @param {import('./linked.js').Linked} part */
function asComponent({ name, version, license, purl, url }) {
  return {
    'bom-ref': `${name}@${version}`,
    type: 'library',
    name,
    version,
    scope: 'required',
    description: 'Linked into the prebuilt addons',
    purl,
    externalReferences: [{ type: 'website', url }],
    licenses: [{ expression: license }],
  };
}

/** Writes it where the package has it, whole or not at all: somebody else may be packing. */
export async function writeSbom() {
  const draft = inRoot('out', `sbom.${process.pid}`);
  mkdirSync(inRoot('out'), { recursive: true });
  writeFileSync(draft, `${JSON.stringify(await sbom(), null, 2)}\n`);
  renameSync(draft, inRoot('dist', 'sbom.cdx.json'));
}
