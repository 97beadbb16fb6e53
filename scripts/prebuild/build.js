/** Cross-compiles the addon for one target. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { headerSettings } from '../setup/addon.js';
import { SetupError } from '../setup/setup-error.js';

/** @import { Target } from './targets.js' */

/**
 * Builds in a copy of the sources: node-gyp empties `build/` first, which holds the checkout's own addon.
 * The copy is in a new folder each time, so that a path that found its way into a binary shows when two
 * builds are compared.
 *
 * @param {Target} target
 * @param {string} zig path of the compiler
 * @param {string} to the folder that gets `target.file`
 * @throws {SetupError} with the compiler's output
 * @returns {Promise<string>} the path of the addon
 */
export async function build(target, zig, to) {
  const copy = mkdtempSync(path.join(tmpdir(), `spliceway-${target.name}-`));
  try {
    for (const part of ['native', 'binding.gyp', 'package.json']) {
      cpSync(inRoot(part), path.join(copy, part), { recursive: true });
    }
    symlinkSync(inRoot('node_modules'), path.join(copy, 'node_modules'));
    const result = await run(
      inRoot('node_modules', '.bin', 'prebuildify'),
      args(target, copy, to),
      {
        cwd: copy,
        env: { ...(await headerSettings()), ...compiler(target, zig, copy) },
      },
    );
    if (result.status !== 0) {
      throw new SetupError(`${result.output}\nThe addon for ${target.name} did not build (above).`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return path.join(to, target.file);
}

/** @param {Target} target @param {string} copy @param {string} to */
function args(target, copy, to) {
  mkdirSync(to, { recursive: true });
  return [
    ...['--napi', '--name', 'spliceway', '--target', process.versions.node],
    ...['--platform', 'linux', '--arch', target.arch],
    ...(target.libc === 'musl' ? ['--libc', 'musl', '--tag-libc', 'musl'] : ['--libc', 'glibc']),
    ...['--cwd', copy, '--out', to],
  ];
}

/** @param {Target} target @param {string} zig @param {string} copy @returns {NodeJS.ProcessEnv} */
function compiler(target, zig, copy) {
  return {
    CC: `${zig} cc -target ${target.triple}`,
    CXX: `${zig} c++ -target ${target.triple}`,
    AR: `${zig} ar`,
    // In zig's own C++ headers.
    CXXFLAGS: '-Wno-nullability-completeness',
    // Stripped by the linker, which knows every machine; the system's `strip` knows its own.
    LDFLAGS: '-s',
    JOBS: String(availableParallelism()),
    // What is compiled here is compiled here, so that building twice is; the C++ runtime is shared.
    ZIG_LOCAL_CACHE_DIR: path.join(copy, 'zig-cache'),
  };
}
