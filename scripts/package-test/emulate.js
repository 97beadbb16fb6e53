/**
 * The addons that this machine cannot load by itself: for arm64, by the emulator of qemu, and for musl, by musl's own
 * loader. Node is published for glibc alone; for musl the addon is loaded without one, and the tests of the core
 * run, compiled as the addon was.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { findProgram, run } from '../lib/run.js';
import { tallyFromOutput } from '../lib/tally.js';
import { readElf } from '../prebuild/elf.js';
import { targets } from '../prebuild/targets.js';
import { zig } from '../prebuild/toolchain.js';
import { install, useCommand, useLibrary } from './install.js';
import { manager, node } from './programs.js';
import { sysroot } from './sysroot.js';

/** @import { Target } from '../prebuild/targets.js' */
/** @import { Check } from './package-test.js' */

/** The one of those supported that most people run. */
const nodeVersion = '22';

/** What opens, relays and closes. Other tests look at system calls through `--wrap`, which zig does not link. */
const coreTests = ['engine_test.cc', 'close_test.cc'];
const testSupport = [
  ...['main.cc', 'harness.cc', 'engine_harness.cc', 'sockets.cc'],
  ...['faults.cc', 'meter.cc', 'steady_clock.cc'],
];

/** @param {string} tarball @returns {Check[]} */
export function emulations(tarball) {
  const foreign = targets.filter(({ arch, libc }) => arch !== process.arch || libc === 'musl');
  return foreign.map((target) => ({
    name: target.name,
    run: (folder) =>
      target.libc === 'glibc' ? underNode(target, tarball, folder) : alone(target, tarball, folder),
  }));
}

/**
 * @param {Target} target
 * @returns {Promise<string[]>} the words that go before a program of it
 */
async function runner(target) {
  const root = await sysroot(target.arch, target.libc);
  if (target.arch === process.arch) {
    return [path.join(root, 'lib', 'ld-musl-x86_64.so.1')];
  }
  const qemu = findProgram('qemu-aarch64-static');
  if (qemu === undefined) {
    throw new Error(
      'qemu-aarch64-static is not installed (Debian: apt-get install qemu-user-static)',
    );
  }
  return [qemu, '-L', root];
}

/** @param {Target} target @param {string} tarball @param {string} folder */
async function underNode(target, tarball, folder) {
  const own = await node(nodeVersion, 'x64');
  const managerFile = await manager('npm');
  const installed = await install(folder, { node: own, manager: 'npm', managerFile, tarball });
  const words = [...(await runner(target)), await node(nodeVersion, target.arch)];
  const bin = path.join(folder, 'emulated');
  const emulated = path.join(bin, 'node');
  mkdirSync(bin);
  writeFileSync(emulated, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(emulated, 0o755);

  const env = { ...installed.env, PATH: `${bin}${path.delimiter}${installed.env.PATH}` };
  const command = await useCommand({ ...installed, env });
  const { esm, cjs } = await useLibrary(installed, emulated);
  if ([command, esm, cjs].some((engine) => engine !== 'native')) {
    throw new Error(`the engines were ${command}, ${esm} and ${cjs}`);
  }
  return [`Node ${nodeVersion}`, 'command, ES module, CommonJS'];
}

/** @param {Target} target @param {string} tarball @param {string} folder */
async function alone(target, tarball, folder) {
  await succeed('tar', ['-xzf', tarball, '-C', folder]);
  const addon = path.join(folder, 'package', target.file);
  const compiler = await zig(() => {});
  const words = await runner(target);

  const { imports } = await readElf(addon);
  const ofNode = imports.filter((name) => /^(napi|node_api)_/.test(name));
  // The file system library of zig's C++ runtime wants what musl has since 1.2.5. A gate sees to it that an addon does not.
  const stubs = path.join(folder, 'stubs.c');
  const stub = (/** @type {string} */ name) => `void ${name}(void) { __builtin_trap(); }\n`;
  writeFileSync(stubs, [...ofNode, 'statx'].map(stub).join(''));
  const object = path.join(folder, 'stubs.o');
  const program = path.join(folder, 'load');
  const forTarget = ['-target', target.triple, '-Wno-incompatible-library-redeclaration'];
  await succeed(compiler, ['cc', ...forTarget, '-c', stubs, '-o', object]);
  await succeed(compiler, [
    ...['c++', ...forTarget, '-dynamic', '-rdynamic', '-std=c++20'],
    ...[inRoot('test', 'native', 'load', 'load.cc'), object, '-o', program],
  ]);
  const loaded = await succeed(words[0] ?? '', [...words.slice(1), program, addon]);

  const tested = await succeed('make', [
    ...['-C', inRoot('test', 'native'), '-j2', 'check', `OUT=${path.join(folder, 'core')}`],
    `CXX=${compiler} c++ -target ${target.triple} -dynamic -Wno-nullability-completeness`,
    `TESTS=${[...coreTests, ...testSupport].join(' ')}`,
    `LDFLAGS=${object}`,
    'WRAPPED=',
    `RUN=${words.join(' ')}`,
  ]);
  const passed = tallyFromOutput(tested)?.passed ?? 0;
  if (passed === 0) throw new Error(`${tested}\nno test ran (above)`);
  return [loaded.trim(), `${passed} tests of the core`];
}

/** @param {string} command @param {readonly string[]} args */
async function succeed(command, args) {
  const { status, output } = await run(command, args);
  if (status !== 0) throw new Error(`${output}\n${command} ${args.join(' ')}: status ${status}`);
  return output;
}
