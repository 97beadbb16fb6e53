/** From what an engine tells about a session to what users see. */
import type { Socket } from 'node:net';
import { SplicewayError } from '../errors/catalogue.js';
import {
  type Address,
  formatAddress,
  formatResolved,
  type ResolvedAddress,
} from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import { listed } from '../model/listed.js';

/**
 * Read it before the engine takes the socket: afterwards nobody knows. A client that came over IPv4 to a listener on
 * all interfaces has its IPv4 address, which Node writes as `::ffff:127.0.0.1`.
 */
export function clientOf(socket: Socket): ClientAddress {
  const address = socket.remoteAddress ?? '';
  return { address: address.replace(/^::ffff:(?=\d+\.)/i, ''), port: socket.remotePort ?? 0 };
}

/** @param code the system's name of what happened, such as `ECONNREFUSED` */
export function attemptError(
  backend: string,
  address: ResolvedAddress,
  code: string,
): SplicewayError {
  const resolved = formatResolved(address);
  const where = resolved === backend ? backend : `${backend} (${resolved})`;
  return new SplicewayError('ERR_SPLICEWAY_BACKEND_FAILED', `backend ${where} ${because(code)}`, {
    cause: connectError(address, code),
    systemCode: code,
    backend,
    address: resolved,
  });
}

/** As Node's own, in both engines: the loops have no more than the code. */
function connectError(address: ResolvedAddress, code: string): Error {
  const target =
    address.kind === 'unix'
      ? { address: address.path }
      : { address: address.ip, port: address.port };
  return Object.assign(new Error(`connect ${code} ${formatResolved(address)}`), {
    code,
    syscall: 'connect',
    ...target,
  });
}

/** @param cause what the resolver said */
export function resolveError(backend: string, cause: Error): SplicewayError {
  const { code = cause.message } = cause as NodeJS.ErrnoException;
  const message =
    `the name of backend ${backend} does not resolve (${code}); ` +
    'check its spelling and the name servers; it is looked up again when it is needed';
  return new SplicewayError('ERR_SPLICEWAY_BACKEND_FAILED', message, { cause, backend });
}

/** A look whether a name has moved found nothing; said once, until one has found something. */
export function keptAddresses(backend: string, cause: Error): string {
  const { code = cause.message } = cause as NodeJS.ErrnoException;
  return (
    `the name of backend ${backend} does not resolve any more (${code}); going on with what it last resolved to; ` +
    'check the name servers'
  );
}

/** An address of a backend that is a listener of the same proxy. */
export function leftOut(backend: string, address: ResolvedAddress): string {
  return (
    `the name of backend ${backend} has an address that is this proxy itself, ${formatResolved(address)}, which is left out; ` +
    'correct what the name resolves to'
  );
}

/** Said of each address once an hour at most. */
export function outrun(backend: string, address: ResolvedAddress): string {
  return (
    `the name of backend ${backend} has an address that was silent for a quarter of a second, ${formatResolved(address)}, ` +
    'so one of the other family of IP was tried and has answered first; where this is said again and again, ' +
    'check the network on the way there, or correct what the name resolves to'
  );
}

/** As many connections as there are ports go from this machine to one address. */
export function noPort(count: number, backend: string, address: ResolvedAddress): string {
  const times = count === 1 ? '1 connection' : `${count} connections`;
  return (
    `no local port was left for ${times} to backend ${backend} at ${formatResolved(address)}; the clients go to other backends, ` +
    'or wait; give it more addresses, or its pool more source addresses (from), widen net.ipv4.ip_local_port_range, set net.ipv4.tcp_tw_reuse to 1, ' +
    'or lower maxSessionsPerClient'
  );
}

/** Of `from` of its pool. */
export function noSource(count: number, backend: string, source: string): string {
  const times = count === 1 ? '1 connection' : `${count} connections`;
  return (
    `${times} to backend ${backend} could not come from ${source}, which is no address of this machine (EADDRNOTAVAIL); ` +
    'the other source addresses are tried; give the address to an interface, or correct `from`'
  );
}

/** The name server is slow; said once, at the start. */
export function slowLookup(backend: string, waitedMs: number): string {
  return (
    `the name of backend ${backend} has not resolved within ${waitedMs} ms; going on without it, ` +
    'and with it as soon as the name server answers'
  );
}

/** Clients that waited in vain for a place among the sessions. */
export function droppedClients(count: number): string {
  const who = count === 1 ? '1 client was' : `${count} clients were`;
  return `${who} disconnected while waiting for others to end; raise maxSessions, or the limit of open files (ulimit -n)`;
}

/** Clients whose address has as many sessions as one may have, of a listener where that is its own limit. */
export function refusedClients(
  count: number,
  address: string,
  most: number,
  listener?: string,
): string {
  const limit =
    listener === undefined
      ? 'maxSessionsPerClient'
      : `maxSessionsPerClient of listener ${listener}`;
  const who =
    count === 1
      ? `1 client was refused, from ${address}`
      : `${count} clients were refused, one from ${address}`;
  return (
    `${who}: as many sessions are open from there as ${limit} allows (${most}); ` +
    'raise it if many share that address, as behind a NAT or another proxy'
  );
}

/** Sessions that nobody was told of, with the events of so many others still untold. */
export function unreported(count: number): string {
  const what = count === 1 ? '1 session was' : `${count} sessions were`;
  return (
    `${what} not made known, because the program is too busy to hear of more; its event loop stands still for too long, ` +
    'or its listeners take too long'
  );
}

/** Clients who waited in vain for listeners of `session`, and those after them. */
export const WENT_ON =
  'sessions go on before the listeners of session have heard of them, because the event loop of the program has stood still ' +
  'for a quarter of a second; where those are to deny clients, use filter; where not, find what holds the event loop up';

/** Connections of the proxy that came back to it, from a backend that is the proxy itself. */
export function cameBack(count: number, to: ResolvedAddress): string {
  const who =
    count === 1 ? '1 client was refused, which was' : `${count} clients were refused, which were`;
  return (
    `${who} this proxy itself: its backend at ${formatResolved(to)} leads back to it; ` +
    'correct the backend, or the route or NAT on the way there'
  );
}

/** Clients for whom the filter threw, rejected, or gave no answer that it may give. */
export function filterFailed(count: number, { message }: Error): string {
  const who = count === 1 ? '1 client was' : `${count} clients were`;
  return `${who} denied because the filter failed: ${message}; have it answer with true or false, within connectTimeout`;
}

/** Clients for whom a policy of the user's threw, rejected, or gave no answer that it may give. */
export function policyFailed(count: number, { message }: Error): string {
  const who = count === 1 ? '1 client was' : `${count} clients were`;
  return `${who} disconnected because the policy failed: ${message}; have it answer with an index, or undefined, within pickTimeout`;
}

/** Clients for whom a pool had no place, and its queue none either. */
export function queueFull(count: number, pool: string, length: number): string {
  const who = count === 1 ? '1 client was' : `${count} clients were`;
  return (
    `${who} disconnected because the backends of pool ${pool} are full, and so is its queue (${length}); ` +
    'raise the length of the queue, or the limits of the backends, or add backends'
  );
}

/** Clients who waited for a place in a pool in vain. */
export function queueTimedOut(count: number, pool: string): string {
  const who = count === 1 ? '1 client was' : `${count} clients were`;
  return (
    `${who} disconnected because no place came free in pool ${pool} in time; ` +
    'raise the timeout of the queue, or the limits of the backends, or add backends'
  );
}

/** More servers are silent, or slow, than can be asked at once; the others have to wait. */
export function checksAreLate(most: number): string {
  return (
    `health checks are late: ${most} are under way at once, as many as may, since many backends are slow to answer or silent; ` +
    'raise the limit of open files (ulimit -n), or check less often, or with a shorter timeout'
  );
}

/** A pool that nobody comes to, most likely by mistake. */
export function poolUnused(name: string): string {
  return `no listener uses the pool ${name}; name it as the pool of one, or remove it`;
}

/** What was set by hand, of backends that there are not any more. */
export function overlayDropped(labels: readonly string[]): string {
  return `there is no backend ${listed(labels)} any more; what was set of it by hand is dropped`;
}

/** A change of the configuration that has no effect. @param backends each with what holds */
export function overlayHolds(backends: readonly string[]): string {
  return `what was set by hand holds, whatever the options say now: ${listed(backends)}; reset() has the options hold again`;
}

/** `maxSessions` is more than can be; said once, at the start. */
export function tooManyAsked(maxSessions: number, possible: number): string {
  return (
    `maxSessions is ${maxSessions}, but the file descriptors allow ${possible} sessions; ` +
    'raise the limit of open files (ulimit -n), or lower maxSessions'
  );
}

function because(code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `refused the connection (${code}); start the server there, or correct the address`;
    case 'ETIMEDOUT':
      return `did not answer in time (${code}); check the network, or raise connectTimeout`;
    case 'EAGAIN':
      return `had no room in its queue in time (${code}); have it accept faster, or raise its backlog or connectTimeout`;
    case 'ENOENT':
      return `has no socket at its path (${code}); start the server there, or correct the path`;
    case 'EACCES':
      return `may not be connected to by this user (${code}); check the permissions of its path`;
    case 'EMFILE':
    case 'ENFILE':
      return `was not tried: no file descriptor is left (${code}); raise the limit (ulimit -n)`;
    case 'EADDRNOTAVAIL':
      return (
        `was not tried: this machine has no address to connect from, or no local port left (${code}); ` +
        'check that it has an address of that family, or widen net.ipv4.ip_local_port_range'
      );
    default:
      return `cannot be reached (${code})`;
  }
}

/** @param address where operators ask, and no client is to: a control socket has a path, and a status address has none */
export function backendIsReserved(backend: string, address: Address): string {
  const what = address.kind === 'unix' ? 'control socket' : 'status address';
  return `${backend} is the ${what} of the proxy itself, ${formatAddress(address)}, where any client would be an operator; a backend is another server`;
}
