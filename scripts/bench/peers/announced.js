/** Peers that pick a port themselves and say which: `listening on HOST:PORT`. */
import { startProgram } from '../measure/process.js';

/** @import { ProgramOptions } from '../../lib/program.js' */
/** @import { Route, RunningPeer } from './peer.js' */

/**
 * @param {Route} route
 * @param {string} command
 * @param {readonly string[]} args
 * @param {ProgramOptions} [options]
 * @returns {Promise<RunningPeer>}
 */
export async function startAnnounced({ listenHost, namespace }, command, args, options = {}) {
  const { answer, pid, stop } = await startProgram(
    'proxy',
    command,
    args,
    (output) => output.match(/^listening on \S+:(\d+)$/m)?.[1],
    { ...options, namespace },
  );
  return { host: listenHost, port: Number(answer), pid, stop };
}
