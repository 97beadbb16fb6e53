/** A listener may be in the way of another one of the same configuration, which no system error says. */

import { SplicewayError } from '../errors/catalogue.js';
import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';

/**
 * Adds a hint to "address in use" where two listeners have one port in common, as 127.0.0.1:5555 and :5555
 * do. Names and interfaces can make two addresses one in ways that only the system knows, so it is no
 * more than a hint.
 *
 * @returns the error as it was when it is about something else
 */
export function withOverlapHint(error: unknown, listen: readonly ListenAddress[]): unknown {
  if (!(error instanceof SplicewayError) || error.code !== 'ERR_SPLICEWAY_LISTEN') return error;
  const { cause, systemCode, address } = error;
  const names = systemCode === 'EADDRINUSE' ? samePort(listen) : [];
  if (names.length === 0) return error;
  const hint = `or is it this configuration itself? ${names.join(' and ')} may overlap; keep one of them`;
  return new SplicewayError(error.code, `${error.message}\n${hint}`, { cause, address });
}

/** The first listeners that share a port; none when each has its own. */
function samePort(listen: readonly ListenAddress[]): string[] {
  const byPort = new Map<number, string[]>();
  for (const address of listen) {
    // Port 0 is another free one each time.
    if (address.kind !== 'tcp' || address.port === 0) continue;
    byPort.set(address.port, [...(byPort.get(address.port) ?? []), formatAddress(address)]);
  }
  return [...byPort.values()].find((names) => names.length > 1) ?? [];
}
