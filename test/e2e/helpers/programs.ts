/** Which programs of this machine the tests can use, and what to do about those that are missing. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { nobodyRemedy } from '../../../scripts/lib/nobody.js';
import { findProgram as findOnSystem } from '../../../scripts/lib/run.js';
import { describeWhere, type Remedy } from '../../helpers/where.js';

/** PostgreSQL's servers live in a folder for each version, the newest first here. */
function postgresFolders(): string[] {
  const versions = '/usr/lib/postgresql';
  try {
    return readdirSync(versions)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => path.join(versions, version, 'bin'));
  } catch {
    return []; // Not installed, or not from Debian's packages.
  }
}

/** @returns the absolute path, or nothing when the program is not installed */
export function findProgram(name: string): string | undefined {
  return findOnSystem(name, postgresFolders());
}

/** @throws when the program is not installed; tests behind `describeWith` never see that */
export function program(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

/** Programs, each with the Debian package that brings it. */
export type Needs = Readonly<Record<string, string>>;

/**
 * `describe`, for tests that need programs of the system. Where one is missing they show as skipped, with
 * the package to install in the title; where skipping is forbidden they fail with the same words.
 */
export function describeWith(needs: Needs, title: string, tests: () => void): void {
  describeWhere(remedyFor(needs), title, tests);
}

export function remedyFor(needs: Needs): Remedy {
  const missing = Object.entries(needs).filter(([name]) => findProgram(name) === undefined);
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))].join(' ');
  return missing.length === 0 ? undefined : `apt-get install ${packages}`;
}

/** For tests that run the command as nobody. */
export function describeAsNobody(title: string, tests: () => void): void {
  describeWhere(nobodyRemedy(), title, tests);
}
