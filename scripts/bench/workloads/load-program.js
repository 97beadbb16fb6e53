/** The load program of ../load/: built when its sources have changed, and run. */
import { compile } from '../../lib/compile.js';
import { runLoad, startProgram } from '../measure/process.js';
import { onLoopback } from './workload.js';

/** @import { Address } from '../peers/peer.js' */

export const needsLoadProgram = { 'g++': 'g++' };

/** @type {Promise<string> | undefined} */
let built;
const loadProgram = () => {
  built ??= compile('out/bench/load', 'scripts/bench/load');
  return built;
};

/**
 * The server that every mode of the program talks to.
 *
 * @param {string} host
 * @param {string} [namespace]
 * @returns {Promise<{ port: number, stop: () => Promise<void> }>}
 */
export async function startLoadServer(host, namespace) {
  const { answer, stop } = await startProgram(
    'load',
    await loadProgram(),
    ['serve', host],
    (output) => output.match(/listening on \S+:(\d+)/)?.[1],
    { namespace },
  );
  return { port: Number(answer), stop };
}

/** @returns {Promise<import('./workload.js').RunningServer>} */
export async function startLoadServerOnLoopback() {
  const { port, stop } = await startLoadServer('127.0.0.1');
  return onLoopback(port, stop);
}

/**
 * @param {'pace' | 'transfer'} mode
 * @param {Address & { clientNamespace?: string }} target
 * @param {readonly number[]} numbers the mode's arguments
 * @returns {Promise<Record<string, number>>}
 */
export async function runLoadProgram(mode, { host, port, clientNamespace }, numbers) {
  const args = [mode, host, String(port), ...numbers.map(String)];
  return JSON.parse(await runLoad(await loadProgram(), args, clientNamespace));
}

/**
 * Opens sessions and holds them, with one exchange on each.
 *
 * @param {Address} target
 * @param {number} wanted
 * @returns {Promise<{ held: number, askAgain: () => Promise<number>, stop: () => Promise<void> }>}
 *   `askAgain` gives how many answer
 */
export async function holdSessions({ host, port }, wanted) {
  const { answer, ask, stop } = await startProgram(
    'load',
    await loadProgram(),
    ['hold', host, String(port), String(wanted)],
    (output) => output.match(/"held":(\d+)/)?.[1],
  );
  const askAgain = async () => JSON.parse(await ask('again')).answered;
  return { held: Number(answer), askAgain, stop };
}
