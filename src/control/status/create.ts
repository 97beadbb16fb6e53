import { parseAddress } from '../../config/address.js';
import { checkOptions } from '../../config/check-options.js';
import { show } from '../../config/values.js';
import { SplicewayError } from '../../errors/catalogue.js';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';
import { loaded } from '../load.js';
import type { StatusSocket } from './server.js';
import type { StatusAddress, StatusOptions } from './types.js';

/**
 * Opens a status address: by HTTP, it tells how a proxy is, and changes nothing. `/healthz` and `/readyz` are for probes, `/metrics`
 * for Prometheus, `/api/v1/status` for programs. It keeps no program running, and is to be closed when the proxy is.
 *
 * @param proxy the one that it is for
 * @param options see `StatusOptions`
 * @returns when it accepts
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, also where a backend of the proxy is this very address;
 *   `ERR_SPLICEWAY_INVALID_ADDRESS`; `ERR_SPLICEWAY_LISTEN`; `ERR_SPLICEWAY_RESOURCE_LIMIT`
 */
export async function createStatus(
  proxy: RunningProxy,
  options: StatusOptions,
): Promise<StatusAddress> {
  const known = ['address', 'hosts', 'name', 'lastReload'] satisfies (keyof StatusOptions)[];
  checkOptions('createStatus()', options, known);
  const place = parsePlace(options);
  checkTold(options);
  const socket = await openStatus(place);
  try {
    return socket.serve(proxy, options);
  } catch (error) {
    await socket.close();
    throw error;
  }
}

/** As `claimStatus()`. Errors as `createStatus()`. */
export async function openStatus(place: StatusPlace): Promise<StatusSocket> {
  const { claimStatus } = await loaded('the status address', import('./server.js'));
  return await claimStatus(place);
}

/** What was checked. */
export interface StatusPlace {
  /** Where it listens; empty for all interfaces. */
  readonly host: string;
  readonly port: number;
  /** Names that requests may have; in small letters. */
  readonly hosts: ReadonlySet<string>;
}

/** A name of DNS, in any letters. */
const HOST = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i;

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS` */
export function parsePlace({ address: given, hosts = [] }: StatusOptions): StatusPlace {
  if (typeof given !== 'string') {
    throw invalid(`${show(given)} is not an address to listen on; write 127.0.0.1:9400`);
  }
  const address = parseAddress(given);
  if (address.kind !== 'tcp') {
    throw invalid(
      `${given} is no place for a status address; write host:port, as in 127.0.0.1:9400`,
    );
  }
  if (!Array.isArray(hosts)) throw invalid(`hosts is ${show(hosts)}; give a list of names`);
  for (const host of hosts) checkHost(host);
  // Whoever could have another address in this name had it lead here.
  const names = address.host === '' ? hosts : [...hosts, address.host];
  const inSmall = names.map((host) => host.toLowerCase());
  return { host: address.host, port: address.port, hosts: new Set(inSmall) };
}

function checkTold({ name, lastReload }: StatusOptions): void {
  if (name !== undefined && typeof name !== 'string') {
    throw invalid(`name is ${show(name)}; give a text, or leave it out`);
  }
  if (lastReload !== undefined && typeof lastReload !== 'function') {
    throw invalid(`lastReload is ${show(lastReload)}; give a function, or leave it out`);
  }
}

function checkHost(host: unknown): void {
  if (typeof host === 'string' && HOST.test(host)) return;
  throw invalid(
    `${show(host)} is not the name of a host; write it without a port, as in balancer.example`,
  );
}

function invalid(message: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
}
