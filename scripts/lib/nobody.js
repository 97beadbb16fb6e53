/** Running programs as a user without rights. */
import { spawnSync } from 'node:child_process';
import { inRoot } from './root.js';
import { findProgram } from './run.js';

/** The user `nobody`, on every Linux: it has no rights beyond what all have. */
const nobody = '65534';

/** @param {string} command @param {readonly string[]} args @returns {[string, string[]]} */
export function asNobody(command, args) {
  const identity = ['--reuid', nobody, '--regid', nobody, '--clear-groups'];
  return [findProgram('setpriv') ?? 'setpriv', [...identity, '--', command, ...args]];
}

/**
 * What keeps this checkout's command from being run as nobody.
 *
 * @returns {string | undefined} what to do about that; nothing when it can run
 */
export function nobodyRemedy() {
  const { status } = spawnSync(...asNobody('test', ['-r', inRoot('package.json')]));
  return status === 0 ? undefined : 'be root, in a checkout that the user nobody may read';
}
