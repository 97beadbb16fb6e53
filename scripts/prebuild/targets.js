/** The machines that the package brings an addon for. */

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {'x64' | 'arm64'} arch as Node calls it
 * @property {'glibc' | 'musl'} libc
 * @property {string} triple as zig calls it; of glibc, the oldest release that it is to run on
 * @property {string} file where the addon is in the package, by the names that prebuildify gives
 */

/**
 * Official builds of Node 20 ask for glibc 2.28, too: whoever runs one has it.
 * https://github.com/nodejs/node/blob/v20.x/BUILDING.md#platform-list
 */
export const newestGlibc = '2.28';

/** @type {readonly Target[]} */
export const targets = [
  {
    name: 'linux-x64',
    arch: 'x64',
    libc: 'glibc',
    triple: `x86_64-linux-gnu.${newestGlibc}`,
    file: 'prebuilds/linux-x64/spliceway.node',
  },
  {
    name: 'linux-x64-musl',
    arch: 'x64',
    libc: 'musl',
    triple: 'x86_64-linux-musl',
    file: 'prebuilds/linux-x64/spliceway.musl.node',
  },
  {
    name: 'linux-arm64',
    arch: 'arm64',
    libc: 'glibc',
    triple: `aarch64-linux-gnu.${newestGlibc}`,
    file: 'prebuilds/linux-arm64/spliceway.node',
  },
  {
    name: 'linux-arm64-musl',
    arch: 'arm64',
    libc: 'musl',
    triple: 'aarch64-linux-musl',
    file: 'prebuilds/linux-arm64/spliceway.musl.node',
  },
];
