/** Builds the simulator, as it is or with a fault in the core. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from '../lib/make.js';
import { inRoot } from '../lib/root.js';
import { applied } from './faults/edit.js';

/** @import { Fault } from './faults.js' */

const makefile = 'simulator/Makefile';

/**
 * @param {object} [options]
 * @param {boolean} [options.sanitize] under AddressSanitizer and UndefinedBehaviorSanitizer
 * @returns {Promise<string>} the program
 */
export async function buildSimulator({ sanitize = false } = {}) {
  const kind = sanitize ? 'sanitize' : 'plain';
  await build(makefile, [`KIND=${kind}`]);
  return inRoot('out', 'native', kind, 'simulator', 'simulator');
}

/**
 * The simulator as it is has to be there: what the fault does not touch is taken from it. So several can be built at once.
 *
 * @param {Fault} fault
 * @returns {Promise<string>} the program, with the fault in it
 */
export async function buildFaulty(fault) {
  const name = fault.name.replaceAll(/\W+/g, '-');
  const sources = inRoot('out', 'native', 'faults', name);
  /** @type {Map<string, string>} */
  const texts = new Map();
  for (const change of fault.edits) {
    texts.set(change.file, applied(change, texts.get(change.file)));
  }
  for (const [below, text] of texts) {
    const file = path.join(sources, below);
    mkdirSync(path.dirname(file), { recursive: true });
    writeIfNew(file, text);
  }
  const files = [...texts.keys()].join(' ');
  await build(makefile, [`FAULT=${name}`, `FILES=${files}`], { apart: true });
  return path.join(sources, 'simulator');
}

/** A file that stays as it was keeps its time, and make has nothing to do. @param {string} file @param {string} text */
function writeIfNew(file, text) {
  try {
    if (readFileSync(file, 'utf8') === text) return;
  } catch {
    // There is none yet.
  }
  writeFileSync(file, text);
}
