/** Paths for unix sockets and files, in a folder that goes when the test ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** A path that nothing has yet. Short: a unix socket's path has 107 bytes at most. */
export function tempPath(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, name);
}
