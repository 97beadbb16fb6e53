/** Before all tests: the folder of what runs is one of theirs. A command that they kill leaves its control socket there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** @returns what removes it, after them all */
export default function setUp(): () => void {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-run-'));
  process.env.RUNTIME_DIRECTORY = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
