/** What one option forbids another. */
import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { AcceptChoice, EngineChoice } from '../model/choices.js';
import { isReachedBy } from '../model/own-addresses.js';
import type { RefinementCtx } from '../vendor/zod.js';

interface Ends {
  readonly listen?: readonly ListenAddress[] | undefined;
  readonly backends: readonly Pick<BackendConfig, 'name' | 'address'>[];
}

interface Choices {
  readonly engine?: EngineChoice | undefined;
  readonly accept?: AcceptChoice | undefined;
}

/** Also what is said where the listener is an inherited socket, of which no more is known before it is opened. */
export function backendIsProxyItself(backend: string, listener: string): string {
  return `${backend} is the proxy itself, which listens on ${listener}; a backend is another server`;
}

/** Reports each backend that is a listener of the same proxy: its first client would connect for ever. */
export function noLoop(
  { listen: listeners = [], backends: pool }: Ends,
  context: RefinementCtx,
): void {
  for (const [index, { name, address: to }] of pool.entries()) {
    const listener = listeners.find((from) => isReachedBy(from, to));
    if (listener === undefined) continue;
    const message = backendIsProxyItself(name, formatAddress(listener));
    context.addIssue({ code: 'custom', path: ['backends', index], message });
  }
}

/** Also what is said where the two meet later, from a file and a flag. */
export const NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE =
  'the stream engine cannot accept natively; choose accept auto or node, or the engine auto or native';

export function noNativeAcceptOfStream({ engine, accept }: Choices, context: RefinementCtx): void {
  if (engine !== 'stream' || accept !== 'native') return;
  const message = NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE;
  context.addIssue({ code: 'custom', path: ['accept'], message });
}
