/** Whether a database server is what it is wanted as. */
import type { ServerRole } from '../../../model/health.js';

/**
 * @param wanted what it is to be
 * @param found what it is
 * @param evidence what it said of that, for the message
 * @returns what it is
 */
export function checkRole(wanted: ServerRole, found: ServerRole, evidence: string): string {
  if (found !== wanted) throw new Error(`${evidence}, expected a ${wanted}`);
  return found;
}
