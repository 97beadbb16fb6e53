/** Finds and loads the native addon; docs/prebuilds.md, and docs/bundling.md for where a bundler had its way. */
import { existsSync, statSync } from 'node:fs';
import module from 'node:module';
import path from 'node:path';
import { version } from '../../version.js';
import type { NativeBinding } from './binding.js';
import { libcName } from './libc.js';
import { bundleFolder, ownFile, packageRoot } from './place.js';
import { judge } from './trust.js';

export type LoadedAddon =
  | { readonly ok: true; readonly file: string; readonly binding: NativeBinding }
  | NoAddon;

export interface NoAddon {
  readonly ok: false;
  /** Files, in the order in which they were looked for. */
  readonly tried: readonly string[];
  /** One clause: what this machine is, or what is wrong with the file that was found. */
  readonly reason: string;
  /** One clause: what to do to have an addon. */
  readonly remedy: string;
  /** One clause: where to read on, for a warning. There is no `spliceway doctor` of a bundle, so there it is the remedy. */
  readonly more: string;
}

let loaded: LoadedAddon | undefined;

/**
 * Loads the addon once; later calls give the same answer. Never throws: where nothing fits, the answer says
 * what was looked for and why it did not do.
 */
export function loadAddon(): LoadedAddon {
  loaded ??= load();
  return loaded;
}

function load(): LoadedAddon {
  if (process.platform !== 'linux') {
    return noAddon([], `splice needs Linux, and this is ${process.platform}`, 'run it on Linux');
  }
  const tried = candidates();
  const chosen = process.env.SPLICEWAY_PREBUILD;
  const none = (reason: string) =>
    noAddon(tried, reason, chosen ? `correct or unset SPLICEWAY_PREBUILD; ${wayOut()}` : wayOut());
  const found = tried.find((candidate) => existsSync(candidate));
  if (found === undefined) {
    if (chosen) return none(`SPLICEWAY_PREBUILD names ${chosen}, which is not there`);
    return none(
      packageRoot === undefined
        ? `spliceway is in a bundle, and no addon for ${machine()} is beside it`
        : `there is no addon for ${machine()}`,
    );
  }
  if (!found.endsWith('.node') || !statSync(found).isFile()) {
    return none(`SPLICEWAY_PREBUILD names ${found}, which is no file whose name ends in .node`);
  }
  try {
    const judged = isInPackage(found) ? { file: found } : judge(found, ownFile);
    if ('doubt' in judged) {
      return noAddon(tried, `${found} is not loaded, because ${judged.doubt}`, judged.remedy);
    }
    const { file } = judged;
    const binding = open(file);
    if (binding.version !== version) {
      // What C++ and TypeScript say to each other changes with versions, and neither checks the other's words.
      const other = binding.version ?? 'another version';
      return none(`${found} was built for spliceway ${other}, and this is ${version}`);
    }
    return { ok: true, file, binding };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return none(`${found} does not load on ${machine()}: ${reason}`);
  }
}

const noAddon = (tried: readonly string[], reason: string, remedy: string): NoAddon => ({
  ok: false,
  tried,
  reason,
  remedy,
  more: packageRoot === undefined ? remedy : '`spliceway doctor` says more',
});

/**
 * By `bindings`, which is found at run time: where it was imported, a bundler would have to take it in, and it asks for
 * Node's modules in a way that a bundle of ES modules does not know. There Node's own call does.
 */
function open(file: string): NativeBinding {
  // It loads no other names; a link of such a name may lead to one.
  const bindings = file.endsWith('.node') ? findBindings() : undefined;
  if (bindings === undefined) {
    const loading = { exports: {} as NativeBinding };
    process.dlopen(loading, file);
    return loading.exports;
  }
  return bindings({
    bindings: path.basename(file),
    module_root: path.dirname(file),
    try: [['module_root', 'bindings']],
  }) as NativeBinding;
}

function findBindings(): typeof import('bindings') | undefined {
  if (packageRoot === undefined) return undefined;
  try {
    return module.createRequire(path.join(packageRoot, 'package.json'))('bindings');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** As people say it, such as `linux arm64 with musl`. */
const machine = () => `${process.platform} ${process.arch} with ${libcName() ?? 'no known libc'}`;

/** In one clause. Only a checkout has what the addon is built from. */
function wayOut(): string {
  if (packageRoot === undefined) {
    return (
      "copy the package's folder prebuilds beside the bundle, name the addon's file in SPLICEWAY_PREBUILD, " +
      'or have the bundler leave spliceway out (external)'
    );
  }
  return existsSync(path.join(packageRoot, 'binding.gyp'))
    ? 'build it: npm run build:addon, with python3, make and g++'
    : 'build one in a clone of the repository (npm ci && npm run build:addon) and name its file in SPLICEWAY_PREBUILD';
}

/**
 * Where the addon may be, best first: a checkout's own build, then the prebuilt one for this machine; for a bundle, beside
 * it. The variable `SPLICEWAY_PREBUILD` names the one file to be loaded instead.
 */
function candidates(): string[] {
  const chosen = process.env.SPLICEWAY_PREBUILD;
  if (chosen) return [path.resolve(chosen)];
  // The names that prebuildify gives: the C library is named only where it is not glibc.
  const name = `spliceway${libcName() === 'musl' ? '.musl' : ''}.node`;
  const prebuilt = path.join('prebuilds', `${process.platform}-${process.arch}`, name);
  if (packageRoot !== undefined) {
    return [
      path.join(packageRoot, 'build', 'Release', 'spliceway.node'),
      path.join(packageRoot, prebuilt),
    ];
  }
  const folder = bundleFolder();
  return folder === undefined ? [] : [path.join(folder, prebuilt), path.join(folder, name)];
}

/** Who can write there can change the rest of the package as well. */
const isInPackage = (file: string) =>
  packageRoot !== undefined && file.startsWith(path.join(packageRoot, path.sep));
