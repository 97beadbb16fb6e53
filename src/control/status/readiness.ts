/** Whether a proxy can serve clients, and if not, why. */
import { unknownPool } from '../../proxy/handles-of.js';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';

/** The answer to `GET /readyz`. */
export interface ReadinessAnswer {
  readonly ready: boolean;
  /** Why not, in words for people; absent where it is. */
  readonly reason?: string;
  /** Those that were asked for. */
  readonly pools: readonly { readonly pool: string; readonly ready: boolean }[];
}

export const STARTING = 'it is starting';

/**
 * @param proxy `undefined` until it has begun
 * @param asked names of pools; default: all
 * @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_POOL`
 */
export function readinessOf(
  proxy: RunningProxy | undefined,
  asked?: readonly string[],
): ReadinessAnswer {
  if (proxy === undefined) return { ready: false, reason: STARTING, pools: [] };
  const { isClosing, pools: all } = proxy.readiness();
  const known = all.map(({ pool }) => pool);
  const missing = asked?.find((name) => !known.includes(name));
  if (missing !== undefined) throw unknownPool(missing, known);
  const pools = all.filter(({ pool }) => asked?.includes(pool) ?? true);
  const unready = pools.filter(({ ready }) => !ready).map(({ pool }) => pool);
  const reasons = [
    ...(isClosing ? ['it is stopping'] : []),
    ...unready.map((pool) => `pool ${pool} has no backend to pick`),
  ];
  if (reasons.length === 0) return { ready: true, pools };
  return { ready: false, reason: reasons.join('; '), pools };
}
