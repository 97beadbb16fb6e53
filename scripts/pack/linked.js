/** What others wrote that is inside the prebuilt addons. */
import { readFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { zigVersion } from '../prebuild/toolchain.js';

/**
 * @typedef {object} Linked
 * @property {string} name
 * @property {string} version
 * @property {string} license an SPDX expression
 * @property {string} purl
 * @property {string} url of its project
 */

/** The release of LLVM whose libraries a release of zig brings: `_LIBCPP_VERSION` in its libcxx/include/__config. */
const llvmOf = { zig: '0.16.0', llvm: '21.1.0' };

const llvmLicense = 'Apache-2.0 WITH LLVM-exception';

/**
 * @throws {Error} when zig is another one than the list was made for
 * @returns {Linked[]}
 */
export function linked() {
  if (zigVersion !== llvmOf.zig) {
    throw new Error(
      `The addons are built by zig ${zigVersion}, and scripts/pack/linked.js knows what ${llvmOf.zig} links: look it up.`,
    );
  }
  const lock = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8'));
  const { version } = lock.packages['node_modules/node-addon-api'];
  const llvm = ['libcxx', 'libcxxabi', 'libunwind'].map((name) => ({
    name,
    version: llvmOf.llvm,
    license: llvmLicense,
    purl: `pkg:generic/${name}@${llvmOf.llvm}`,
    url: 'https://github.com/llvm/llvm-project',
  }));
  return [
    {
      name: 'node-addon-api',
      version,
      license: 'MIT',
      purl: `pkg:npm/node-addon-api@${version}`,
      url: 'https://github.com/nodejs/node-addon-api',
    },
    ...llvm,
    {
      // Zig's own, in part after LLVM's.
      name: 'compiler_rt',
      version: zigVersion,
      license: `MIT AND ${llvmLicense}`,
      purl: `pkg:generic/zig-compiler-rt@${zigVersion}`,
      url: 'https://ziglang.org',
    },
  ];
}
