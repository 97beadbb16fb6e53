/** Configurations of the short form, as their users see them. */
import type { JsonSchema } from '../../src/config/json-schema.js';
import type { ListenerConfig, PoolConfig, ProxyConfig } from '../../src/config/types.js';

/** The settings of the one listener and the one pool beside those of the process. */
export function oneService<Config extends ProxyConfig>(config: Config) {
  const [listener, ...otherListeners] = config.listeners;
  const [pool, ...otherPools] = config.pools;
  if (pool === undefined || otherListeners.length + otherPools.length > 0) {
    throw new Error('this configuration is not of one service');
  }
  const { addresses: listen, ...ofListener } = listener ?? { ...config.handoff, addresses: [] };
  type Both = Omit<ListenerConfig, 'addresses'> & PoolConfig;
  return { ...config, ...(ofListener as Both), ...pool, listen };
}

/** What the JSON Schema says of each key of the short form. */
export function propertiesOfShort(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const { properties: common } = schema as { properties: Record<string, JsonSchema> };
  const { properties: own } = schema.else as { properties: Record<string, JsonSchema> };
  const keys = Object.keys(own);
  return Object.fromEntries(
    keys.map((key) => [key, { ...(common[key] as object), ...(own[key] as object) }]),
  );
}
