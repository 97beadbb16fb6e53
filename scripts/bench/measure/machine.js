/** What was measured on: figures mean nothing without it. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { openFileLimit } from '../../lib/limits.js';
import { findProgram, run } from '../../lib/run.js';
import { pinning } from './pinning.js';

/** How each tool is asked for its version. `wrk` answers with status 1. */
const versionFlags = {
  iperf3: '--version',
  'redis-server': '--version',
  'redis-benchmark': '--version',
  nginx: '-v',
  wrk: '--version',
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

/** @returns {Promise<Record<string, unknown>>} for the JSON report */
export async function describeMachine() {
  const commit = await run('git', ['rev-parse', 'HEAD']);
  return {
    date: new Date().toISOString(),
    processor: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()}`,
    architecture: os.arch(),
    node: process.versions.node,
    tools: await toolVersions(),
    openFiles: openFileLimit(),
    pipeMaxSize: firstLine('/proc/sys/fs/pipe-max-size'),
    pipeUserPagesSoft: firstLine('/proc/sys/fs/pipe-user-pages-soft'),
    congestionControl: firstLine('/proc/sys/net/ipv4/tcp_congestion_control'),
    pinning,
    commit: commit.status === 0 ? commit.output.trim() : undefined,
  };
}
