/** What was measured on: figures mean nothing without it. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { openFileLimit } from '../../lib/limits.js';
import { inRoot } from '../../lib/root.js';
import { findProgram, run } from '../../lib/run.js';
import { pinning } from './pinning.js';

/** How each tool is asked for its version. `wrk` answers with status 1. */
const versionFlags = {
  iperf3: '--version',
  'redis-server': '--version',
  'redis-benchmark': '--version',
  nginx: '-v',
  wrk: '--version',
  haproxy: '-v',
  go: 'version',
  'g++': '--version',
};

/** @param {string} file @returns {string | undefined} */
function firstLine(file) {
  try {
    return readFileSync(file, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}

/** @returns {Promise<Record<string, string | undefined>>} */
async function toolVersions() {
  const versions = Object.entries(versionFlags).map(async ([tool, flag]) => {
    const program = findProgram(tool);
    if (program === undefined) return [tool, undefined];
    const { output } = await run(program, [flag]);
    return [tool, output.split('\n')[0]];
  });
  return Object.fromEntries(await Promise.all(versions));
}

/**
 * @typedef {object} Machine
 * @property {string} date
 * @property {string | undefined} processor
 * @property {number} cores
 * @property {number} memoryBytes
 * @property {string} kernel
 * @property {string} [distribution]
 * @property {string} architecture
 * @property {string} node
 * @property {string} spliceway
 * @property {Record<string, string | undefined>} tools versions
 * @property {{ soft: number, hard: number } | undefined} openFiles
 * @property {string | undefined} pipeMaxSize
 * @property {string | undefined} pipeUserPagesSoft
 * @property {string | undefined} congestionControl
 * @property {string} pinning
 * @property {string | undefined} commit
 * @property {boolean | undefined} changed since that commit
 */

/** @returns {string | undefined} */
function distribution() {
  try {
    return readFileSync('/etc/os-release', 'utf8').match(/^PRETTY_NAME="(.*)"$/m)?.[1];
  } catch {
    return undefined;
  }
}

/** @returns {Promise<Machine>} */
export async function describeMachine() {
  const commit = await run('git', ['rev-parse', 'HEAD']);
  const status = await run('git', ['status', '--porcelain', '--', 'src', 'native']);
  const manifest = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  const name = distribution();
  return {
    date: new Date().toISOString(),
    processor: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()}`,
    ...(name === undefined ? {} : { distribution: name }),
    architecture: os.arch(),
    node: process.versions.node,
    spliceway: manifest.version,
    tools: await toolVersions(),
    openFiles: openFileLimit(),
    pipeMaxSize: firstLine('/proc/sys/fs/pipe-max-size'),
    pipeUserPagesSoft: firstLine('/proc/sys/fs/pipe-user-pages-soft'),
    congestionControl: firstLine('/proc/sys/net/ipv4/tcp_congestion_control'),
    pinning,
    commit: commit.status === 0 ? commit.output.trim() : undefined,
    changed: status.status === 0 ? status.output !== '' : undefined,
  };
}
