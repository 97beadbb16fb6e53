/** Names of sessions, as people can type them. */
import { randomBytes } from 'node:crypto';

/** Of this process: who restarts it and ends a session that was listed before ends none. */
const RUN = randomBytes(3).toString('hex');
const PATTERN = new RegExp(`^${RUN}-([0-9a-z]{1,11})$`);

/** @param name a whole number that no other session of the engine has */
export function idOf(name: number): string {
  return `${RUN}-${name.toString(36)}`;
}

/** `undefined` for what is the id of no session of this process. */
export function nameOf(id: string): number | undefined {
  const [, digits] = PATTERN.exec(id) ?? [];
  const name = digits === undefined ? Number.NaN : Number.parseInt(digits, 36);
  // Leading zeros are of no id.
  return Number.isSafeInteger(name) && idOf(name) === id ? name : undefined;
}
