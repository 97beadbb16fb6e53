/** Health checks as the tests make them: by the options that a user writes. */
import type { HealthOptions } from '../../src/config/health-options.js';
import { parseOptions } from '../../src/config/schema.js';
import type { ResolvedAddress } from '../../src/model/address.js';
import type { CheckTarget } from '../../src/pool/health/checks/check.js';
import { createCheck } from '../../src/pool/health/checks/registry.js';

/** A server on 127.0.0.1, or on the path of a Unix socket. */
export function targetOf(where: number | string, host = '127.0.0.1'): CheckTarget {
  const address: ResolvedAddress =
    typeof where === 'string'
      ? { kind: 'unix', path: where }
      : { kind: 'tcp', ip: '127.0.0.1', port: where, family: 4 };
  return { name: 'db-1', address, host };
}

/** Far more than any answer takes. */
const PATIENCE_MS = 60_000;

/**
 * Asks once.
 *
 * @returns `well: ` and what the check says, or the message of its error
 */
export async function ask(
  target: CheckTarget,
  health: HealthOptions,
  signal = AbortSignal.timeout(PATIENCE_MS),
): Promise<string> {
  const { health: config } = parseOptions({ backends: 'a:1', health }).pools[0] ?? {};
  if (config === undefined) throw new Error('there is no health check');
  return await createCheck(config)(target, signal).then(
    (words) => `well: ${words}`,
    (error: Error) => error.message,
  );
}
