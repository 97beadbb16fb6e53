/** What a prebuilt addon must be before it may be packed. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readElf } from './elf.js';
import { newestGlibc } from './targets.js';

/** @import { Elf } from './elf.js' */
/** @import { Target } from './targets.js' */

/**
 * @typedef {object} Verdict
 * @property {string} gate
 * @property {string} found
 * @property {boolean} passed
 */

/** The loader, the C library, and what belonged to other files of glibc before its version 2.34. */
const libraries = {
  glibc: /^(libc\.so\.6|lib(m|pthread|dl|rt)\.so\.\d|ld-linux-(x86-64|aarch64)\.so\.\d)$/,
  musl: /^libc\.so$/,
};
const machines = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' };
const largestBytes = 600 * 1024;
/** https://nodejs.org/api/n-api.html#module-registration */
const entryPoints = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/**
 * @param {string} file an addon
 * @param {Target} target what it was built for
 * @returns {Promise<Verdict[]>}
 */
export async function judge(file, target) {
  const elf = await readElf(file);
  const content = readFileSync(file);
  return [
    gate('machine', elf.machine, elf.machine === machines[target.arch] && elf.type === 'DYN'),
    gate(
      'needs',
      elf.needed.join('\n'),
      elf.needed.length > 0 && elf.needed.every((name) => libraries[target.libc].test(name)),
    ),
    oldestGlibc(elf, target),
    cppRuntime(elf),
    gate('imports of V8, libuv or C++', ...none(elf.imports, /^uv_|^_Z|v8/)),
    gate(
      'exports',
      elf.exports.length === entryPoints.length ? 'what Node looks for' : elf.exports.join('\n'),
      entryPoints.every((name) => elf.exports.includes(name)) &&
        elf.exports.length === entryPoints.length,
    ),
    gate('assertions', ...has(elf.imports, '__assert_fail')),
    // Of musl 1.2.5; zig's C++ runtime has functions that want it.
    gate('too new for musl', ...none(target.libc === 'musl' ? elf.imports : [], /^statx$/)),
    gate('stripped', ...none(elf.sections, /^\.(symtab|debug|zdebug)/)),
    gate('hardened', hardening(elf), elf.bindsNow && !elf.stackRuns),
    // An assertion names its file, from where the build was: `../native/...`.
    // Of two names at least: code may happen to read as one.
    gate('paths of the build', ...none(strings(content), /^\/(?!proc\/)[\w.-]+\/|[^.]\/native\//)),
    size(file),
  ];
}

/** @param {string} file */
export const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** @type {(gate: string, found: string, passed: boolean) => Verdict} */
export const gate = (name, found, passed) => ({ gate: name, found, passed });

/** @type {(names: readonly string[], pattern: RegExp) => [found: string, passed: boolean]} */
function none(names, pattern) {
  const found = names.filter((name) => pattern.test(name));
  return [found.length === 0 ? 'none' : found.slice(0, 5).join('\n'), found.length === 0];
}

/** @type {(names: readonly string[], name: string) => [found: string, passed: boolean]} */
const has = (names, name) => (names.includes(name) ? ['left in', true] : ['left out', false]);

/** @param {Elf} elf @param {Target} target */
function oldestGlibc(elf, target) {
  const versions = elf.versions
    .flatMap((version) => version.match(/^GLIBC_([\d.]+)$/)?.[1] ?? [])
    .sort(byVersion);
  const newest = versions.at(-1);
  if (target.libc === 'musl') return gate('glibc', newest ?? 'none', newest === undefined);
  const fits = newest !== undefined && byVersion(newest, newestGlibc) <= 0;
  // Such as GLIBC_PRIVATE, which is of one release, and GLIBC_ABI_DT_RELR, which came with 2.36.
  const others = elf.versions.filter((version) => /^GLIBC_\D/.test(version));
  return gate('glibc', [`${newest} or later`, ...others].join('\n'), fits && others.length === 0);
}

/** @type {(a: string, b: string) => number} */
const byVersion = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** Linked in: a system may have another C++ runtime, or none. @param {Elf} elf */
function cppRuntime(elf) {
  const [found, passed] = none([...elf.versions, ...elf.needed], /GLIBCXX|CXXABI|\+\+|libgcc/);
  return gate('C++ runtime', passed ? 'linked in' : found, passed);
}

/** @param {Elf} elf */
function hardening(elf) {
  const relro = elf.bindsNow ? 'full RELRO' : 'no full RELRO';
  return `${relro}, ${elf.stackRuns ? 'a stack that runs' : 'a stack that does not run'}`;
}

/** @param {Buffer} content @returns {string[]} what `strings` would find in it */
function strings(content) {
  return content.toString('latin1').match(/[\x20-\x7e]{6,}/g) ?? [];
}

/** @param {string} file */
function size(file) {
  const bytes = statSync(file).size;
  return gate('size', `${(bytes / 1024).toFixed(0)} KiB`, bytes <= largestBytes);
}
