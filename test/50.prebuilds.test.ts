/** What may be packed as a prebuilt addon, and what may not. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judge } from '../scripts/prebuild/gates.js';
import { targets } from '../scripts/prebuild/targets.js';

/** Built by the system's compiler: it takes the C++ runtime from the system. */
const ownAddon = fileURLToPath(new URL('../build/Release/spliceway.node', import.meta.url));

/** @returns the names of the gates that the checkout's own addon does not pass */
async function notPassed(name: string): Promise<string[]> {
  const target = targets.find((candidate) => candidate.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  const verdicts = await judge(ownAddon, target);
  return verdicts.filter(({ passed }) => !passed).map(({ gate }) => gate);
}

describe('the gates of a prebuilt addon', () => {
  it('refuse one that needs the C++ runtime of the machine it was built on', async () => {
    const failed = await notPassed(`linux-${process.arch}`);
    expect(failed).toEqual(expect.arrayContaining(['needs', 'C++ runtime', 'stripped']));
    expect(failed).not.toContain('machine');
    expect(failed).not.toContain('exports');
  });

  it('refuse one for another machine', async () => {
    expect(await notPassed(`linux-${process.arch === 'x64' ? 'arm64' : 'x64'}`)).toContain(
      'machine',
    );
  });

  it('refuse one of glibc where musl is to be', async () => {
    const failed = await notPassed(`linux-${process.arch}-musl`);
    expect(failed).toEqual(expect.arrayContaining(['needs', 'glibc']));
  });
});
