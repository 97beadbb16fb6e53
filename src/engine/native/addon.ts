/** Finds and loads the native addon. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { familySync, MUSL } from 'detect-libc';
import type { NativeBinding } from './binding.js';

export type LoadedAddon =
  | { readonly ok: true; readonly file: string; readonly binding: NativeBinding }
  | { readonly ok: false; readonly tried: readonly string[]; readonly reason: string };

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
  const tried = candidates();
  if (process.platform !== 'linux') {
    return { ok: false, tried, reason: `splice needs Linux, and this is ${process.platform}` };
  }
  const file = tried.find((candidate) => existsSync(candidate));
  if (file === undefined) {
    return { ok: false, tried, reason: 'no addon was built for this machine' };
  }
  try {
    const binding = bindings({
      bindings: path.basename(file),
      module_root: root,
      try: [[path.dirname(file), 'bindings']],
    }) as NativeBinding;
    return { ok: true, file, binding };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, tried, reason: `${file} does not load: ${reason}` };
  }
}

/** Where the addon may be, best first: a checkout's own build, then the prebuilt one for this machine. */
function candidates(): string[] {
  // The name that prebuildify gives: the C library is named only where it is not glibc.
  const libc = familySync() === MUSL ? '.musl' : '';
  return [
    path.join(root, 'build', 'Release', 'spliceway.node'),
    path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, `spliceway${libc}.node`),
  ];
}
