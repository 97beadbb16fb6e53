/** Paths for unix sockets and files, in a folder that goes when the test ends, or all tests of a file. */
import { once } from 'node:events';
import { linkSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/** A path that nothing has yet. Short: a unix socket's path has 107 bytes at most. */
export function tempPath(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, name);
}

/** A path with the file of a Unix socket that no process has any more. */
export async function deadPath(): Promise<string> {
  const path = tempPath('dead.sock');
  const server = createServer();
  await once(server.listen(path), 'listening');
  linkSync(path, `${path}.dead`);
  await once(server.close(), 'close');
  renameSync(`${path}.dead`, path);
  return path;
}

/** Files that the tests of one file share, or that tests write which run at the same time. Call it at the top. */
export function tempFiles() {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'spliceway-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const pathOf = (name: string) => path.join(folder, name);
  const write = (name: string, text: string) => {
    writeFileSync(pathOf(name), text);
    return pathOf(name);
  };
  return { path: pathOf, write };
}
