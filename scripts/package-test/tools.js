/** The package in the hands of tools: TypeScript in each of its modes, bundlers, test runners, workers, a cluster. */
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { install, succeed } from './install.js';
import { manager, node } from './programs.js';

/** @import { Installed } from './install.js' */
/** @import { Check } from './package-test.js' */

const { devDependencies } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));

/** Installed beside the package, as by somebody who uses them; install scripts stay blocked. */
const packages = [
  ...['esbuild@^0.28.0', 'webpack@^5.100.0', 'webpack-cli@^7.0.0'],
  ...['jest@^30.0.0', 'postject@1.0.0-alpha.6'],
  `vitest@${devDependencies.vitest}`,
];

/**
 * @typedef {Installed & { node: string }} Project
 *
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} [bundle] what `args` make, from the project's folder: it is run where no package is
 * @property {boolean} [printsEngine]
 * @property {(project: Project) => Promise<string>} run gives what it printed
 */

/** @param {string} name @param {string} program in node_modules @param {string} args @param {string} [bundle] @returns {Tool} */
const tool = (name, program, args, bundle) => ({
  name,
  ...(bundle ? { bundle } : {}),
  run: ({ folder, env, node: binary }) => {
    const words = [path.join('node_modules', program), ...args.split(' ')];
    return succeed(binary, words, folder, env);
  },
});

/** @param {string} mode @param {string} args */
const types = (mode, args) =>
  tool(`TypeScript ${mode}`, 'typescript/bin/tsc', `-p . --noEmit ${args}`);

/** @param {string} format @param {string} file @param {string} [also] */
const esbuild = (format, file, also = '') =>
  tool(
    `esbuild, ${format}${also}`,
    'esbuild/bin/esbuild',
    `bundled.${format === 'esm' ? 'mjs' : 'cjs'} --bundle --platform=node --format=${format}${also} --outfile=${file}`,
    file,
  );

/** @param {string} of @param {string} file */
const webpack = (of, file) =>
  tool(
    `webpack, ${of}`,
    'webpack/bin/webpack.js',
    `--mode production --target node --entry ./${of} --output-path ${path.dirname(file)} --output-filename ${path.basename(file)}`,
    file,
  );

/** @param {string} file @returns {Tool} */
const program = (file) => ({
  name: file,
  printsEngine: true,
  run: ({ folder, env, node: binary }) => succeed(binary, [file], folder, env),
});

/** @type {Tool[]} */
const tools = [
  types('node16', '--module node16 --moduleResolution node16'),
  types('node18', '--module node18 --moduleResolution node16'),
  types('bundler', '--module preserve --moduleResolution bundler'),
  tool('Jest, CommonJS', 'jest/bin/jest.js', '--testMatch **/jest.test.cjs'),
  {
    name: 'Jest, ES module',
    run: ({ folder, env, node: binary }) => {
      const jest = path.join('node_modules', 'jest', 'bin', 'jest.js');
      const args = ['--experimental-vm-modules', jest, '--testMatch', '**/jest.test.mjs'];
      return succeed(binary, args, folder, env);
    },
  },
  tool('Vitest', 'vitest/vitest.mjs', 'run vitest.test.mjs'),
  program('worker.mjs'),
  program('cluster.mjs'),
  esbuild('esm', 'bundles/esm/app.mjs'),
  esbuild('esm', 'bundles/minified/app.mjs', ' --minify'),
  esbuild('cjs', 'bundles/cjs/app.cjs'),
  webpack('bundled.mjs', 'bundles/webpack/app.cjs'),
  webpack('bundled.cjs', 'bundles/webpack-cjs/app.cjs'),
  {
    name: 'single executable',
    bundle: 'bundles/executable/app',
    async run(project) {
      const { folder, env, node: binary } = project;
      const made = path.join(folder, 'bundles', 'executable', 'app');
      mkdirSync(path.dirname(made), { recursive: true });
      copyFileSync(binary, made);
      chmodSync(made, 0o755);
      await succeed(binary, ['--experimental-sea-config', 'executable.json'], folder, env);
      const args = [made, 'NODE_SEA_BLOB', 'app.blob', '--sentinel-fuse'];
      const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
      const postject = path.join('node_modules', 'postject', 'dist', 'cli.js');
      return await succeed(binary, [postject, ...args, fuse], folder, env);
    },
  },
];

/**
 * @param {string} bundle
 * @param {Project} project whose package it came from, and which is no more there
 * @throws {Error} where it does not find its addon, or says too little without
 */
async function useBundle(bundle, { folder, env, node: binary }) {
  const [command, args] = path.extname(bundle) === '' ? [bundle, []] : [binary, [bundle]];
  const lonely = await succeed(command, args, path.dirname(folder), env);
  if (!/^stream$/m.test(lonely) || !/no addon .*copy the package's folder prebuilds/.test(lonely)) {
    throw new Error(`${lonely}\nwithout an addon, ${bundle} printed this (above)`);
  }
  const prebuilds = path.join(folder, 'node_modules', 'spliceway', 'prebuilds');
  const addon = path.join(prebuilds, `linux-${process.arch}`, 'spliceway.node');
  const named = await succeed(command, args, '/', { ...env, SPLICEWAY_PREBUILD: addon });
  cpSync(prebuilds, path.join(path.dirname(bundle), 'prebuilds'), { recursive: true });
  const beside = await succeed(command, args, '/', env);
  for (const printed of [named, beside]) {
    if (printed.trim() !== 'native') throw new Error(`${bundle} printed ${printed}`);
  }
}

/** @param {string} tarball @param {string} version of Node @returns {Check} */
export function inTools(tarball, version) {
  return {
    name: `Node ${version}`,
    async run(folder) {
      const binary = await node(version, 'x64');
      const managerFile = await manager('npm');
      const installed = await install(folder, {
        node: binary,
        manager: 'npm',
        managerFile,
        tarball,
      });
      for (const part of ['consumer', 'tools']) {
        const from = inRoot('scripts', 'package-test', part);
        cpSync(from, installed.folder, { recursive: true });
      }
      const args = ['install', '--ignore-scripts', '--no-audit', '--no-save', ...packages];
      await succeed(binary, [managerFile, ...args], installed.folder, installed.env);
      const project = { ...installed, node: binary };
      for (const { name, printsEngine, run } of tools) {
        const printed = await run(project);
        if (printsEngine && printed.trim() !== 'native') {
          throw new Error(`${name} printed ${printed}`);
        }
      }
      // Webpack writes down where the package was, so that it is found there.
      const gone = { ...project, folder: `${project.folder}-gone` };
      renameSync(project.folder, gone.folder);
      renameSync(path.join(gone.folder, 'bundles'), path.join(folder, 'bundles'));
      for (const { bundle } of tools) {
        if (bundle !== undefined) await useBundle(path.join(folder, bundle), gone);
      }
      return [`${tools.length} uses`];
    },
  };
}
