/** The C libraries of other machines, as Debian has them: nothing of this system is touched. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';

const cache = inRoot('node_modules', '.cache', 'spliceway', 'sysroots');

/** Of glibc, with what Node itself is linked to. */
const packages = { glibc: ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1'], musl: ['musl'] };

/** Architectures as Debian calls them. */
const architectures = { x64: 'amd64', arm64: 'arm64' };

/**
 * @param {'x64' | 'arm64'} arch
 * @param {'glibc' | 'musl'} libc
 * @throws {Error} with apt's output
 * @returns {Promise<string>} a folder that stands for the root of such a system
 */
export async function sysroot(arch, libc) {
  const folder = path.join(cache, `${arch}-${libc}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(path.join(cache, 'work-'));
  try {
    const architecture = architectures[arch];
    const options = [
      ['Dir::State', path.join(work, 'state')],
      ['Dir::State::status', '/dev/null'],
      ['Dir::Cache', path.join(work, 'cache')],
      ['APT::Architecture', architecture],
      ['APT::Architectures', architecture],
      // The sandbox's user may not write here.
      ['APT::Sandbox::User', 'root'],
    ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    for (const part of ['state/lists/partial', 'cache/archives/partial', 'root']) {
      mkdirSync(path.join(work, part), { recursive: true });
    }
    await succeed('apt-get', [...options, 'update'], work);
    await succeed('apt-get', [...options, 'download', ...packages[libc]], work);
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
      await succeed('dpkg-deb', ['--extract', file, 'root'], work);
    }
    renameSync(path.join(work, 'root'), folder);
    return folder;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} command @param {readonly string[]} args @param {string} cwd */
async function succeed(command, args, cwd) {
  const { status, output } = await run(command, args, { cwd });
  if (status !== 0) throw new Error(`${output}\n${command} failed (above).`);
}
