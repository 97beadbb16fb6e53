/** Files that are there whole, or as they were before. */
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Of the user who runs the program alone. */
const MODE = 0o600;

/**
 * Puts a file in the place of the one of that name, if there is one. Whoever reads it meets the one or the other, also after
 * a crash or a power cut.
 *
 * @param path no symbolic link: it would be replaced itself
 * @returns what `stat` says of the new file, whoever replaces it next
 * @throws the system's error; the file is as it was then
 */
export async function replaceFile(path: string, text: string): Promise<Stats> {
  // Of a name that nobody else has: another process may write the same file, and a name that can be guessed may be a link.
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = await open(temporary, 'wx', MODE);
  try {
    await fill(file, text);
    const stats = await stat(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return stats;
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

async function fill(file: FileHandle, text: string): Promise<void> {
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Not every system lets one do this. Without it, a power cut may bring the file before back, as whole as this one. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path);
    await folder.sync().finally(() => folder.close());
  } catch {}
}
