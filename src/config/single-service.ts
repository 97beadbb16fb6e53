/** One listener and one pool as they were before there were several. */
import { SplicewayError } from '../errors/catalogue.js';
import type { ListenAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { ProxyConfig, Settings } from './types.js';

/** All settings of a proxy that has one service. */
export interface SingleService extends Settings {
  readonly listen: readonly ListenAddress[];
  readonly backends: readonly BackendConfig[];
}

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` for more than one service */
export function singleService(config: ProxyConfig): SingleService {
  const { listeners, pools, handoff, form: _, ...settings } = config;
  const [listener = { ...handoff, addresses: [] }, ...otherListeners] = listeners;
  const [pool, ...otherPools] = pools;
  if (pool === undefined || otherListeners.length + otherPools.length > 0) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_OPTION',
      'more than one listener or pool is not supported yet; give one of each',
    );
  }
  return { ...settings, ...listener, ...pool, listen: listener.addresses, backends: pool.backends };
}
