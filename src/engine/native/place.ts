/** Where this code runs: as the package that was installed, or inside a file that a bundler has made; docs/bundling.md. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The file that this code is in. A bundler may leave none of it, or have written the address that it had on the machine of
 * the build.
 */
const ownFile: string | undefined = findOwnFile();

/** The package's folder, where this is no bundle: the one above this file whose package.json is ours. */
export const packageRoot: string | undefined = ownFile && findRoot(path.dirname(ownFile));

/** Folders beside the bundle, where this is one: that of its file, of the program that was started, a worker's too. */
export function bundleFolders(): string[] {
  const bundle = typeof __filename === 'string' ? __filename : ownFile;
  const files = [bundle, process.argv[1]].filter((file) => file !== undefined);
  return [...new Set(files.filter(path.isAbsolute).map((file) => path.dirname(file)))];
}

function findOwnFile(): string | undefined {
  // Taken apart from `new URL`, in which a bundler would see a file to be copied.
  const address: string | undefined = import.meta.url;
  if (address?.startsWith('file:')) return fileURLToPath(address);
  return typeof __filename === 'string' ? __filename : undefined;
}

function findRoot(start: string): string | undefined {
  for (let folder = start; ; folder = path.dirname(folder)) {
    const name = nameIn(path.join(folder, 'package.json'));
    if (name !== undefined) return name === 'spliceway' ? folder : undefined;
    if (folder === path.dirname(folder)) return undefined;
  }
}

/** @returns nothing where there is no such file */
function nameIn(manifest: string): unknown {
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown }).name ?? null;
  } catch {
    return undefined;
  }
}
