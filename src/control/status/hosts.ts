/** Whom a request was meant for. */
import { isIPv4, isIPv6 } from 'node:net';

const LOOPBACK = /^(?:[a-z0-9-]+\.)*localhost$/;

/**
 * Whether no page of somebody else's has had a browser ask. Such a page asks by its own name, which it can have lead to any address
 * (DNS rebinding). It cannot do so with an address, nor with a name that is not its own.
 *
 * @param host of the request; browsers never leave it out
 * @param names that an operator has said, in small letters
 */
export function isMeant(host: string | undefined, names: ReadonlySet<string>): boolean {
  if (host === undefined) return true;
  const name = host.toLowerCase().replace(/:\d*$/, '');
  if (isIPv4(name) || LOOPBACK.test(name) || names.has(name)) return true;
  return name.startsWith('[') && name.endsWith(']') && isIPv6(name.slice(1, -1));
}
