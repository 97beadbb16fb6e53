/** Peers that read a configuration file, are told their port in it, and say nothing when they listen. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../lib/port.js';
import { findProgram } from '../../lib/run.js';
import { isListening } from '../measure/listening.js';
import { startProgram } from '../measure/process.js';

/** @import { Role } from '../measure/pinning.js' */

/**
 * @typedef {object} Configured
 * @property {Role} role
 * @property {string} program
 * @property {(folder: string, port: number) => string} configuration the folder is for what it writes
 * @property {(folder: string, file: string) => string[]} args
 * @property {string} host where it listens
 * @property {string | undefined} [namespace]
 */

/**
 * @param {Configured} what
 * @returns {Promise<{ host: string, port: number, pid: number, stop: () => Promise<void> }>}
 */
export async function startConfigured({ role, program, configuration, args, host, namespace }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const port = await freePort();
    const file = path.join(folder, `${program}.conf`);
    writeFileSync(file, configuration(folder, port));
    const { pid, stop } = await startProgram(
      role,
      findProgram(program) ?? program,
      args(folder, file),
      (_, id) => isListening(id, port),
      { namespace },
    );
    return { host, port, pid, stop: () => stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}
