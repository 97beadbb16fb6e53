/** What one part of a configuration forbids another. */
import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import { isReachedBy } from '../model/own-addresses.js';
import type { RefinementCtx } from '../vendor/zod.js';
import { didYouMean } from './suggest.js';
import type { ListenerConfig, ProxyConfig } from './types.js';

/** Reports all that is wrong with a configuration whose parts are right. */
export function checkServices(config: ProxyConfig, context: RefinementCtx): void {
  poolsExist(config, context);
  noSharedAddress(config, context);
  noLoop(config, context);
  noNativeAcceptOfStream(config, context);
}

function poolsExist({ listeners, pools }: ProxyConfig, context: RefinementCtx): void {
  const names = new Set(pools.map(({ name }) => name));
  for (const { name, pool } of listeners) {
    if (names.has(pool)) continue;
    const choice = `choose ${[...names].slice(0, POOLS_LISTED).join(' or ')}`;
    const message =
      pool === ''
        ? `missing; name the pool of its clients: ${choice}`
        : `there is no pool ${pool}${didYouMean(pool, names) || `; ${choice}`}`;
    context.addIssue({ code: 'custom', path: ['listeners', name, 'pool'], message });
  }
}

/** As many as one line bears. */
const POOLS_LISTED = 10;

/** Reports each address that another listener has as well; within one, the schema of addresses does. */
function noSharedAddress({ listeners }: ProxyConfig, context: RefinementCtx): void {
  const owners = new Map<string, string>();
  for (const { name, addresses } of listeners) {
    for (const [index, address] of addresses.entries()) {
      // Port 0 is another free one each time.
      if (address.kind === 'tcp' && address.port === 0) continue;
      const text = formatAddress(address);
      const owner = owners.get(text) ?? name;
      owners.set(text, owner);
      if (owner === name) continue;
      const path = ['listeners', name, 'address', index];
      const message = `the listener ${owner} has ${text} already; an address has one listener`;
      context.addIssue({ code: 'custom', path, message });
    }
  }
}

/** Also what is said where the listener is an inherited socket, of which no more is known before it is opened. */
export function backendIsProxyItself(backend: string, listener: string): string {
  return `${backend} is the proxy itself, which listens on ${listener}; a backend is another server`;
}

/** Reports each backend that is a listener of the same proxy: its first client could connect for ever. */
function noLoop({ form, listeners, pools }: ProxyConfig, context: RefinementCtx): void {
  const near = byPort(listeners);
  for (const pool of pools) {
    for (const [index, { name, address: to }] of pool.backends.entries()) {
      const own = near.get(portOf(to))?.find((from) => isReachedBy(from, to));
      if (own === undefined) continue;
      const path = [...(form === 'long' ? ['pools', pool.name] : []), 'backends', index];
      const message = backendIsProxyItself(name, formatAddress(own));
      context.addIssue({ code: 'custom', path, message });
    }
  }
}

/** Only those of one port can be alike, so thousands of backends need not be compared with hundreds of listeners. */
function byPort(listeners: readonly ListenerConfig[]): Map<number | string, ListenAddress[]> {
  const addresses = new Map<number | string, ListenAddress[]>();
  for (const address of listeners.flatMap((listener) => listener.addresses)) {
    const port = portOf(address);
    const others = addresses.get(port);
    if (others === undefined) addresses.set(port, [address]);
    else others.push(address);
  }
  return addresses;
}

const portOf = (address: ListenAddress) => (address.kind === 'tcp' ? address.port : address.kind);

/** Also what is said where the two meet later, from a file and a flag. */
export const NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE =
  'the stream engine cannot accept natively; choose accept auto or node, or the engine auto or native';

function noNativeAcceptOfStream({ engine, accept }: ProxyConfig, context: RefinementCtx): void {
  if (engine !== 'stream' || accept !== 'native') return;
  const message = NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE;
  context.addIssue({ code: 'custom', path: ['accept'], message });
}
