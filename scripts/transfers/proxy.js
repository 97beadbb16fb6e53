/** The built command in the namespace in the middle, under the condition of a configuration. */
import { existsSync, readdirSync } from 'node:fs';
import { asNobody } from '../lib/nobody.js';
import { startProgram } from '../lib/program.js';
import { inRoot } from '../lib/root.js';
import { findProgram, run } from '../lib/run.js';

/** @import { Network } from '../lib/network.js' */
/** @import { RunningProgram } from '../lib/program.js' */
/** @import { Buffers, Configuration } from './configurations.js' */

/** Descriptors beyond those that a proxy at rest has. */
const filesLeft = 24;

/**
 * tcp_rmem and tcp_wmem: what a socket may have at least, has at first, and may grow to.
 *
 * @type {Readonly<Record<Buffers, readonly [receive: string, send: string]>>}
 */
const bufferSizes = {
  default: ['4096 131072 6291456', '4096 16384 4194304'],
  tiny: ['2304 4096 4096', '4096 4608 4608'],
  huge: ['4096 16777216 67108864', '4096 16777216 67108864'],
};

/**
 * Uses up all pages of pipes that the unprivileged user may have: from then on a pipe gets two, and none gets more.
 *
 * @param {string} ends the program of ends/
 */
function holdPipes(ends) {
  const command = asNobody(ends, ['hold-pipes']);
  return startProgram(...command, (output) => /holding \d+ pipes/.test(output));
}

/** @param {number} pid */
async function limitFiles(pid) {
  const limit = readdirSync(`/proc/${pid}/fd`).length + filesLeft;
  const args = ['--pid', String(pid), `--nofile=${limit}:${limit}`];
  const { status, output } = await run(findProgram('prlimit') ?? 'prlimit', args);
  if (status !== 0) throw new Error(`prlimit ${args.join(' ')}: ${output}`);
}

/**
 * @param {Configuration} configuration
 * @param {Network} network
 * @param {number} serverPort
 * @param {string} ends the program of ends/
 * @returns {Promise<RunningProgram & { port: number }>} `stop` ends its helper, too
 */
export async function startProxy(configuration, network, serverPort, ends) {
  const { engine, transfer, condition } = configuration;
  await network.setMtu(configuration.mtu);
  const [receive, send] = bufferSizes[configuration.buffers];
  await network.setSysctl('tcp_rmem', receive);
  await network.setSysctl('tcp_wmem', send);

  const args = [
    inRoot('dist', 'cli', 'main.js'),
    ...['--engine', engine, '--transfer', transfer],
    ...['--listen', `${network.proxyHost}:0`, '--backend', `${network.serverHost}:${serverPort}`],
    // All clients have one address.
    ...['--max-sessions-per-client', '100000'],
    // Where descriptors are short, a backend's may take long to come.
    ...['--connect-timeout', '1m', '--drain-timeout', '1h', '--log-format', 'json'],
  ];
  const fewPipes = condition === 'few pipes';
  const holder = fewPipes ? await holdPipes(ends) : undefined;
  /** @type {[string, string[]]} */
  const command = fewPipes ? asNobody(process.execPath, args) : [process.execPath, args];
  const running = await startProgram(
    ...command,
    (output) => output.match(/listening on [\d.]+:(\d+)/)?.[1],
    { namespace: network.proxy },
  );
  if (condition === 'few files') await limitFiles(running.pid);
  /** @param {number} [patienceMs] */
  const stop = async (patienceMs) => {
    const ended = await running.stop(patienceMs);
    await holder?.stop();
    return ended;
  };
  return { ...running, stop, port: Number(running.answer) };
}

/**
 * What can be told about a proxy in which something is stuck: what it printed, its descriptors, and its
 * sockets as the kernel sees them.
 *
 * @param {RunningProgram} proxy
 * @param {Network} network
 */
export async function describeProxy(proxy, network) {
  const folder = `/proc/${proxy.pid}/fd`;
  const files = existsSync(folder) ? readdirSync(folder).length : 'no';
  const ss = ['netns', 'exec', network.proxy, findProgram('ss') ?? 'ss', '-tinm'];
  const { output: sockets } = await run(findProgram('ip') ?? 'ip', ss);
  return `${proxy.output()}\nThe proxy has ${files} files open.\n${sockets}`;
}
