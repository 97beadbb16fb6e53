/** Finds and loads the native addon; docs/prebuilds.md. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { familySync, MUSL } from 'detect-libc';
import type { NativeBinding } from './binding.js';

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
}

/** The package's root: this file is three folders below it, as source and as built. */
const root = fileURLToPath(new URL('../../../', import.meta.url));

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
    const reason = `splice needs Linux, and this is ${process.platform}`;
    return { ok: false, tried: [], reason, remedy: 'run it on Linux' };
  }
  const tried = candidates();
  const chosen = process.env.SPLICEWAY_PREBUILD;
  const none = (reason: string): NoAddon => ({
    ok: false,
    tried,
    reason,
    remedy: chosen ? `correct or unset SPLICEWAY_PREBUILD; ${remedy}` : remedy,
  });
  const file = tried.find((candidate) => existsSync(candidate));
  if (file === undefined) {
    return none(
      chosen
        ? `SPLICEWAY_PREBUILD names ${chosen}, which is not there`
        : `there is no addon for ${machine()}`,
    );
  }
  if (!file.endsWith('.node') || !statSync(file).isFile()) {
    return none(`SPLICEWAY_PREBUILD names ${file}, which is no file whose name ends in .node`);
  }
  try {
    const binding = bindings({
      bindings: path.basename(file),
      module_root: root,
      try: [[path.dirname(file), 'bindings']],
    }) as NativeBinding;
    if (binding.version !== ownVersion()) {
      const version = binding.version ?? 'another version';
      return none(`${file} was built for spliceway ${version}, and this is ${ownVersion()}`);
    }
    return { ok: true, file, binding };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return none(`${file} does not load on ${machine()}: ${reason}`);
  }
}

/** What C++ and TypeScript say to each other may change with each version, and neither checks the other's words. */
const ownVersion = () =>
  (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string })
    .version;

/** As people say it, such as `linux arm64 with musl`. */
const machine = () => `${process.platform} ${process.arch} with ${familySync() ?? 'no known libc'}`;

/** Only a checkout has what the addon is built from. */
const remedy = existsSync(path.join(root, 'binding.gyp'))
  ? 'build it: npm run build:addon, with python3, make and g++'
  : 'build one in a clone of the repository (npm ci && npm run build:addon) and name its file in SPLICEWAY_PREBUILD';

/**
 * Where the addon may be, best first: a checkout's own build, then the prebuilt one for this machine. The variable
 * `SPLICEWAY_PREBUILD` names the one file to be loaded instead.
 */
function candidates(): string[] {
  const chosen = process.env.SPLICEWAY_PREBUILD;
  if (chosen) return [path.resolve(chosen)];
  // The name that prebuildify gives: the C library is named only where it is not glibc.
  const libc = familySync() === MUSL ? '.musl' : '';
  return [
    path.join(root, 'build', 'Release', 'spliceway.node'),
    path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, `spliceway${libc}.node`),
  ];
}
