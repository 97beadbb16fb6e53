/** Tests that not every machine can run: skipped there, with what to do about it in their title. */
import { describe, test } from 'vitest';

/** With this, what cannot run fails instead of being skipped. */
const skipsForbidden = process.env.SPLICEWAY_NO_SKIPS === '1';

/** Why something cannot run here is told as what to do: `apt-get install nginx`. Nothing where it can. */
export type Remedy = string | undefined;

/** `describe`, where there is no remedy needed. */
export function describeWhere(remedy: Remedy, title: string, tests: () => void): void {
  if (remedy === undefined) describe(title, tests);
  else refuse(remedy, title);
}

/** `it`, where there is no remedy needed. */
export function itWhere(remedy: Remedy, title: string, run: () => Promise<void>): void {
  if (remedy === undefined) test(title, run);
  else refuse(remedy, title);
}

/** Skips, or fails with the same words where skipping is forbidden. */
function refuse(remedy: string, title: string): void {
  if (!skipsForbidden) {
    test.skip(`${title} (to run: ${remedy})`, () => {});
    return;
  }
  test(title, () => {
    throw new Error(`cannot run here, and skipping is forbidden; to run: ${remedy}`);
  });
}
