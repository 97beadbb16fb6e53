/**
 * Addresses as people write them: `host:port`, `:port` (all interfaces), `[v6]:port`, `unix:/path`, and for a
 * listener also `fd:3`.
 *
 * Parsing normalises (letter case of names, spelling of IPv6), so that two spellings of one address
 * are found to be the same one.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { SplicewayError } from '../errors/catalogue.js';
import type { Address, ListenAddress } from '../model/address.js';

/**
 * What an address is for. A listener may have port 0 and no host, or be a socket that was inherited; a backend needs
 * both, and may be a host of the name `fd`.
 */
export type AddressUse = 'listener' | 'backend';

/** `sun_path` of Linux has 108 bytes, the last of them for the terminating zero. */
export const UNIX_PATH_MAX_BYTES = 107;
export const PORT_MAX = 65_535;
/** Those before are standard streams, which Node never closes. */
export const DESCRIPTOR_MIN = 3;
/** Descriptors are numbers of C's `int`. */
export const DESCRIPTOR_MAX = 2 ** 31 - 1;
/** RFC 1035, section 2.3.4. */
const NAME_MAX_LENGTH = 253;
/** The longest name, brackets or colon, and port; anything longer is not worth repeating in a message. */
const TEXT_MAX_LENGTH = 300;
/** RFC 1123 labels, and the underscore that container networks use in service names. */
const NAME =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;

/**
 * Parses one address.
 *
 * @param text `host:port`, `:port`, `[v6]:port`, `unix:/path` or `fd:number`
 * @param use what the address is for; the default, `listener`, accepts the most
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_ADDRESS`, with what is wrong and what to write instead
 */
export function parseAddress(text: string, use: 'backend'): Address;
export function parseAddress(text: string, use?: AddressUse): ListenAddress;
export function parseAddress(text: string, use: AddressUse = 'listener'): ListenAddress {
  if (text === '') throw invalid(text, 'it is empty', `write ${addressForm(use)}`);
  if (/[\s\0]/.test(text) && !text.startsWith('unix:')) {
    throw invalid(text, 'it contains white space', `write ${addressForm(use)}`);
  }
  if (text.startsWith('unix:')) return parseUnix(text);
  if (text.startsWith('fd:') && use === 'listener') return parseDescriptor(text);
  if (text.length > TEXT_MAX_LENGTH) {
    throw invalid(text, `it has ${text.length} letters`, `write ${addressForm(use)}`);
  }
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    throw invalid(text, 'it is a URL', `leave out "${scheme}" and write ${addressForm(use)}`);
  }
  return text.startsWith('[') ? parseBracketed(text, use) : parseHostPort(text, use);
}

function parseUnix(text: string): Address {
  const path = text.slice('unix:'.length);
  if (!path.startsWith('/')) {
    throw invalid(text, 'the socket path is not absolute', 'write unix:/path/to/socket');
  }
  if (path.includes('\0')) {
    throw invalid(text, 'the socket path contains a zero byte', 'write unix:/path/to/socket');
  }
  const bytes = Buffer.byteLength(path);
  if (bytes > UNIX_PATH_MAX_BYTES) {
    const reason = `the socket path has ${bytes} bytes and the system takes ${UNIX_PATH_MAX_BYTES}`;
    throw invalid(text, reason, 'choose a shorter path');
  }
  return { kind: 'unix', path };
}

function parseDescriptor(text: string): ListenAddress {
  const number = text.slice('fd:'.length);
  if (!/^\d+$/.test(number) || Number(number) > DESCRIPTOR_MAX) {
    throw invalid(text, `"${number}" is not the number of a descriptor`, 'write fd:3');
  }
  if (Number(number) < DESCRIPTOR_MIN) {
    throw invalid(
      text,
      `${number} is a standard stream`,
      'write fd:3 for the first that is passed',
    );
  }
  return { kind: 'fd', fd: Number(number) };
}

function parseBracketed(text: string, use: AddressUse): Address {
  const match = /^\[([^\]]*)\](.*)$/.exec(text);
  if (match === null) throw invalid(text, 'the bracket is not closed', 'write [::1]:5555');
  const [, host = '', rest = ''] = match;
  if (host === '') {
    const instead =
      use === 'listener' ? 'write :5555 for all interfaces, or [::1]:5555' : undefined;
    throw invalid(text, 'there is nothing between the brackets', instead ?? 'write [::1]:5555');
  }
  if (!isIPv6(host)) {
    throw invalid(
      text,
      `"${host}" is not an IPv6 address`,
      'brackets are for IPv6, as in [::1]:5555',
    );
  }
  if (!rest.startsWith(':')) {
    throw invalid(text, 'the port is missing', `write [${host}]:5555`);
  }
  return { kind: 'tcp', host: normaliseIPv6(host), port: parsePort(text, rest.slice(1), use) };
}

function parseHostPort(text: string, use: AddressUse): Address {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0));
  const port = text.slice(colon + 1);
  if (isIPv6(text) || host.includes(':')) {
    // An unbracketed IPv6 address is ambiguous: the last group may or may not be the port.
    const whole = isIPv6(text) ? `[${text}]:5555` : '[::1]:5555';
    const example = isIPv6(host) ? `[${host}]:${port}` : whole;
    throw invalid(text, 'an IPv6 address needs brackets', `write ${example}`);
  }
  if (colon === -1) {
    const onlyPort = /^\d+$/.test(text) && use === 'listener';
    const example = onlyPort ? `:${text} for all interfaces, or 127.0.0.1:${text}` : `${text}:5555`;
    throw invalid(text, 'the port is missing', `write ${example}`);
  }
  if (host === '' && use === 'backend') {
    throw invalid(text, 'a backend needs a host', `write 127.0.0.1:${port} or name:${port}`);
  }
  if (host === '*') {
    throw invalid(text, '"*" is not a host', `write :${port} for all interfaces`);
  }
  checkHost(text, host);
  return { kind: 'tcp', host: host.toLowerCase(), port: parsePort(text, port, use) };
}

function checkHost(text: string, host: string): void {
  if (host === '' || isIPv4(host)) return;
  // Names of digits and dots only would be looked up as names; they are mistyped IPv4 addresses.
  if (/^[\d.]+$/.test(host)) {
    throw invalid(text, `"${host}" is not an IPv4 address`, 'write four numbers up to 255');
  }
  if (host.length > NAME_MAX_LENGTH || !NAME.test(host)) {
    const reason = `"${host}" is neither a host name nor an IP address`;
    throw invalid(text, reason, 'write host:port, [v6]:port or unix:/path');
  }
}

function parsePort(text: string, port: string, use: AddressUse): number {
  const lowest = use === 'listener' ? 0 : 1;
  if (port === '') throw invalid(text, 'the port is missing', `write ${text}5555`);
  if (!/^\d+$/.test(port)) {
    throw invalid(text, `port "${port}" is not a number`, `write a port from 1 to ${PORT_MAX}`);
  }
  const number = Number(port);
  if (number > PORT_MAX) {
    throw invalid(text, `port ${port} is too high`, `ports go from 1 to ${PORT_MAX}`);
  }
  if (number < lowest) {
    const reason = 'port 0 (any free port) is for listeners only';
    throw invalid(text, reason, `a backend needs a port from 1 to ${PORT_MAX}`);
  }
  return number;
}

/** The one spelling of RFC 5952. `SocketAddress` knows it but drops a zone such as `%eth0`. */
function normaliseIPv6(host: string): string {
  const [literal = '', zone] = host.split('%', 2);
  const canonical = new SocketAddress({ address: literal, family: 'ipv6' }).address;
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

/** How one is written, in words for a person. */
export function addressForm(use: AddressUse): string {
  const all = use === 'listener' ? ':port (all interfaces), ' : '';
  const inherited = use === 'listener' ? ', or fd:3 for an inherited socket' : '';
  return `host:port, ${all}[v6]:port or unix:/path${inherited}`;
}

function invalid(text: string, reason: string, instead: string): SplicewayError {
  const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  return new SplicewayError(
    'ERR_SPLICEWAY_INVALID_ADDRESS',
    `${shown} is not an address: ${reason}; ${instead}`,
  );
}
