/** Which programs of this machine the tests can use, and what to do about those that are missing. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'vitest';
import { nobodyRemedy } from '../../../scripts/lib/nobody.js';
import { findProgram as findOnSystem } from '../../../scripts/lib/run.js';

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

/** With this, what cannot run fails instead of being skipped. */
const skipsForbidden = process.env.SPLICEWAY_NO_SKIPS === '1';

/**
 * `describe`, for tests that need programs of the system. Where one is missing they show as skipped, with
 * the package to install in the title; where skipping is forbidden they fail with the same words.
 */
export function describeWith(needs: Needs, title: string, tests: () => void): void {
  const missing = Object.entries(needs).filter(([name]) => findProgram(name) === undefined);
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))].join(' ');
  describeWhere(missing.length === 0, `to run: apt-get install ${packages}`, title, tests);
}

/** The same for any other condition that a machine may not meet. */
export function describeWhere(
  condition: boolean,
  remedy: string,
  title: string,
  tests: () => void,
): void {
  if (condition) {
    describe(title, tests);
  } else if (skipsForbidden) {
    test(title, () => {
      throw new Error(`cannot run here, and skipping is forbidden; ${remedy}`);
    });
  } else {
    describe.skip(`${title} (${remedy})`, tests);
  }
}

/** For tests that run the command as nobody. */
export function describeAsNobody(title: string, tests: () => void): void {
  const remedy = nobodyRemedy();
  describeWhere(remedy === undefined, `to run: ${remedy}`, title, tests);
}
