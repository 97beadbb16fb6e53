/** Where this code runs: as the package that was installed, or inside a file that a bundler has made; docs/bundling.md. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The file that this code is in; in a bundle, that of the bundle. */
export const ownFile: string | undefined = findOwnFile();

/** The package's folder, where this is no bundle: the one above this file whose package.json is ours. */
export const packageRoot: string | undefined = ownFile && findRoot(path.dirname(ownFile));

/** The folder beside which a bundle's addon is: that of the bundle, or that of the program where no file is known. */
export function bundleFolder(): string | undefined {
  const file = ownFile ?? process.argv[1];
  return file !== undefined && path.isAbsolute(file) ? path.dirname(file) : undefined;
}

/**
 * By Node's own word, where there is one. For `import.meta.url` a bundler may write a path of the machine of the build, and
 * on the machine where it runs, that may be anybody's.
 */
function findOwnFile(): string | undefined {
  // That of `node --eval` is no path.
  if (typeof __filename === 'string' && path.isAbsolute(__filename)) return __filename;
  // Taken apart from `new URL`, in which a bundler would see a file to be copied.
  const address: string | undefined = import.meta.url;
  return address?.startsWith('file:') ? fileURLToPath(address) : undefined;
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
