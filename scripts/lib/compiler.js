/** Which compiler the scripts build with. */
import { root } from './root.js';
import { findProgram } from './run.js';

/**
 * Where ccache is installed, what was compiled once is taken from its cache: it knows sources by their content, also those
 * of another clone. Whoever sets `CXX` has that.
 *
 * @param {string} [checkout] what is built
 * @returns {NodeJS.ProcessEnv} for make and node-gyp
 */
export function compilerEnv(checkout = root) {
  if (process.env.CXX || findProgram('ccache') === undefined) return {};
  return {
    CXX: 'ccache g++',
    // Paths below the checkout count from its root, so that a clone elsewhere finds the same.
    CCACHE_BASEDIR: checkout,
    CCACHE_NOHASHDIR: '1',
  };
}
