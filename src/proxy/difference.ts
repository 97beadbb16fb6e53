/** What one configuration has that another has not: by name. */
import { isDeepStrictEqual } from 'node:util';
import { mayChange, settingKeys, settingOf, valueIn } from '../config/shapes.js';
import type { ListenerConfig, PoolConfig, ProxyConfig } from '../config/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { Changes } from '../model/update-result.js';

interface Named {
  readonly name: string;
}

/**
 * Throws for what the process stands on, and so cannot change while it runs.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`
 */
export function checkFixed(from: ProxyConfig, to: ProxyConfig): void {
  const isOfCommands = [from, to].every(hasCommandSettings);
  const lines = settingKeys
    .filter((key) => isOfCommands || settingOf(key).place !== 'command')
    .filter((key) => !mayChange(key) && !isDeepStrictEqual(valueIn(from, key), valueIn(to, key)))
    .map((key) => {
      const [is, wanted] = [from, to].map((config) => {
        const value = valueIn(config, key);
        return value === undefined ? 'not set' : settingOf(key).kind.format(value);
      });
      return `${key}: cannot change while the proxy runs (it is ${is}, and would be ${wanted}); restart it, or leave ${key} as it is`;
    });
  if (lines.length > 0) throw new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', lines.join('\n'));
}

/** A program's has none, and asks for no change of them: some have a default, so a command's always has. */
function hasCommandSettings(config: ProxyConfig): boolean {
  return settingKeys.some(
    (key) => settingOf(key).place === 'command' && valueIn(config, key) !== undefined,
  );
}

/** Whether two configurations of one name are of one server. */
export function isSameServer(one: BackendConfig, other: BackendConfig): boolean {
  return one === other || formatAddress(one.address) === formatAddress(other.address);
}

export function changesOf(from: ProxyConfig, to: ProxyConfig): Changes {
  const listeners = compare(from.listeners, to.listeners, (name) => `listener ${name}`);
  const pools = compare(from.pools, to.pools, (name) => `pool ${name}`, isSamePool);
  const before = new Map(from.pools.map((pool) => [pool.name, pool]));
  const backends = to.pools.flatMap((pool) => {
    const there = before.get(pool.name);
    if (there === undefined || there.backends === pool.backends) return [];
    return [compare(there.backends, pool.backends, (name) => `${pool.name}/${name}`)];
  });
  const all = [listeners, pools, ...backends];
  return {
    added: all.flatMap(({ added }) => added),
    removed: all.flatMap(({ removed }) => removed),
    changed: all.flatMap(({ changed }) => changed),
  };
}

/** Also in the order of what it has. */
export function isSameConfig(one: ProxyConfig, other: ProxyConfig): boolean {
  return isDeepStrictEqual(one, other);
}

/** But for its backends, of which is told one by one, and of their order only where nothing else is. */
function isSamePool(one: PoolConfig, other: PoolConfig): boolean {
  if (!isDeepStrictEqual({ ...one, backends: [] }, { ...other, backends: [] })) return false;
  const order = other.backends.map(({ name }) => name);
  const isReordered = one.backends.some(({ name }, index) => name !== order[index]);
  const names = new Set(order);
  const hasSame =
    one.backends.length === order.length && one.backends.every(({ name }) => names.has(name));
  return !(isReordered && hasSame);
}

function compare<Item extends ListenerConfig | PoolConfig | BackendConfig>(
  from: readonly Item[],
  to: readonly Item[],
  label: (name: string) => string,
  isSame: (one: Item & Named, other: Item & Named) => boolean = isDeepStrictEqual,
): Changes {
  const before = new Map(from.map((item) => [item.name, item]));
  const after = new Set(to.map(({ name }) => name));
  const isChanged = (item: Item) => {
    const there = before.get(item.name);
    // Most are the same object: a change of one leaves the others as they are.
    return there !== undefined && there !== item && !isSame(there, item);
  };
  const labels = (items: readonly Item[]) => items.map(({ name }) => label(name));
  return {
    added: labels(to.filter(({ name }) => !before.has(name))),
    removed: labels(from.filter(({ name }) => !after.has(name))),
    changed: labels(to.filter(isChanged)),
  };
}
