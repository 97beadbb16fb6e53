import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A new folder for one server. Servers that refuse to be root run as a user of their own and must be able
 * to walk through it.
 */
export async function makeTempFolder(kind: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), `spliceway-${kind}-`));
  await chmod(folder, 0o755);
  return folder;
}

export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
