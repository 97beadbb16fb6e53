/** The status address of a command. */
import { openStatus, parsePlace } from '../control/status/create.js';
import type { StatusSocket } from '../control/status/server.js';
import type { StatusAddress } from '../control/status/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import { isLoopback } from '../model/own-addresses.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { nameFrom } from './control-place.js';
import type { ServeFlags } from './flags.js';
import type { Logger } from './log.js';
import type { Reloader } from './reload.js';

/**
 * Opens it where the flags ask for one: before anybody is served, for a start that fails on it is to cut nobody off.
 *
 * @returns nothing where they do not
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS`, `…_LISTEN`, `…_RESOURCE_LIMIT`
 */
export async function claimStatus({
  status: address,
  statusHost: hosts,
}: ServeFlags): Promise<StatusSocket | undefined> {
  if (address !== undefined) return await openStatus(parsed(address, hosts));
  if (hosts === undefined) return undefined;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    '--status-host is for a status address; add --status 127.0.0.1:9400',
  );
}

/** With the flag in what is said of it. */
function parsed(address: string, hosts: readonly string[] | undefined) {
  try {
    return parsePlace({ address, hosts });
  } catch (error) {
    if (!(error instanceof SplicewayError)) throw error;
    throw new SplicewayError(error.code, `--status: ${error.message}`, { cause: error });
  }
}

/**
 * Has it tell of the proxy.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` where a backend is this address
 */
export function serveStatus(
  socket: StatusSocket | undefined,
  proxy: RunningProxy,
  { name = nameFrom(proxy) }: ServeFlags,
  log: Logger,
  reloader: Reloader | undefined,
): StatusAddress | undefined {
  const status = socket?.serve(proxy, {
    name,
    lastReload: reloader && (() => reloader.last),
  });
  if (status === undefined) return undefined;
  const { url, address } = status;
  log.info({ status: url }, `status address: ${url}`);
  if (!isLoopback(address.address)) {
    log.warn(
      { status: url },
      `whoever can connect to ${url} reads names, addresses and figures of this balancer; keep strangers from it, or choose --status 127.0.0.1:${address.port}`,
    );
  }
  return status;
}
