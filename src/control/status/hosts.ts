/** Whom a request was meant for, and who has had it made. */
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

/**
 * Whether a page of somebody else's has had a browser ask. To go to the page here is what anybody's link may do.
 *
 * @param header of the request (Fetch Metadata). Browsers give these to loopback and by https, and no page can change them. Of a
 *   request without them nothing is known
 */
export function isOfOtherPage(header: (name: string) => string | undefined): boolean {
  const site = header('sec-fetch-site');
  if (site !== 'cross-site' && site !== 'same-site') return false;
  return header('sec-fetch-mode') !== 'navigate' || header('sec-fetch-dest') !== 'document';
}
