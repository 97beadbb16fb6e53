/**
 * What is known of contents, for all checkouts of this user: that a file was found clean, say. An entry is an empty file
 * whose name is a hash of all that the answer depends on, so none is ever wrong, and the folder can be deleted at any
 * time. `SPLICEWAY_CACHE` names another folder.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const folder =
  process.env.SPLICEWAY_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'spliceway');

/** @param {string} kind @param {string} hash @returns {boolean} */
export const isKept = (kind, hash) => existsSync(path.join(folder, kind, hash));

/** @param {string} kind @param {string} hash */
export function keep(kind, hash) {
  try {
    mkdirSync(path.join(folder, kind), { recursive: true });
    writeFileSync(path.join(folder, kind, hash), '');
  } catch {
    // A home that cannot be written to has no cache.
  }
}
