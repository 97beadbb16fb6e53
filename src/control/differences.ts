/** What of a listener, a pool, a backend or a setting two configurations have differently. */
import { isDeepStrictEqual } from 'node:util';
import type { Place } from '../config/setting.js';
import type { SettingKey } from '../config/settings.js';
import { keysOf, settingKeys, settingOf, valueIn } from '../config/shapes.js';
import type { ListenerConfig, ProxyConfig } from '../config/types.js';
import { formatAddress } from '../model/address.js';
import type { BackendConfig } from '../model/backend.js';
import type { Changes } from '../model/update-result.js';

const NOT_SET = 'not set';

/** Of all that is changed, by its label. */
export function allDifferences(
  from: ProxyConfig,
  to: ProxyConfig,
  { changed }: Changes,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(changed.map((label) => [label, differencesOf(from, to, label)]));
}

/**
 * @param label as a result has it: `listener web`, `pool db`, `db/db-1`, `logLevel`
 * @returns such as `weight 1 → 3`; nothing for what only one of them has
 */
export function differencesOf(from: ProxyConfig, to: ProxyConfig, label: string): string[] {
  const [kind, name = ''] = label.split(' ');
  if (kind === 'listener') {
    const [one, other] = bothOf(from, to, ({ listeners }) => listeners, name);
    return one && other
      ? [...addresses(one, other), ...limits(one, other), ...settings(one, other, 'listener')]
      : [];
  }
  if (kind === 'pool') {
    const [one, other] = bothOf(from, to, ({ pools }) => pools, name);
    return one && other ? settings(one, other, 'pool') : [];
  }
  const key = settingKeys.find((known) => known === label);
  if (key !== undefined) return settings(from, to, settingOf(key).place, key);
  return backendDifferences(from, to, label);
}

function bothOf<Item extends { readonly name: string }>(
  from: ProxyConfig,
  to: ProxyConfig,
  itemsOf: (config: ProxyConfig) => readonly Item[],
  name: string,
): readonly [Item | undefined, Item | undefined] {
  const find = (config: ProxyConfig) => itemsOf(config).find((item) => item.name === name);
  return [find(from), find(to)];
}

function backendDifferences(from: ProxyConfig, to: ProxyConfig, label: string): string[] {
  const slash = label.indexOf('/');
  const [pool, name] = [label.slice(0, slash), label.slice(slash + 1)];
  const backendsOf = ({ pools }: ProxyConfig) =>
    pools.find((found) => found.name === pool)?.backends ?? [];
  const [one, other] = bothOf(from, to, backendsOf, name);
  if (one === undefined || other === undefined) return [];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof BackendConfig>;
  return [...keys].flatMap((key) => difference(key, shownOf(one, key), shownOf(other, key)));
}

function shownOf(backend: BackendConfig, key: keyof BackendConfig): string {
  const value = backend[key];
  if (value === undefined) return NOT_SET;
  if (key === 'address') return formatAddress(backend.address);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function addresses(one: ListenerConfig, other: ListenerConfig): string[] {
  return [
    ...otherAddresses(one.addresses, other.addresses),
    ...difference('pool', one.pool, other.pool),
  ];
}

function limits(one: ListenerConfig, other: ListenerConfig): string[] {
  return (['maxSessions', 'maxSessionsPerClient'] as const).flatMap((key) =>
    difference(key, String(one[key] ?? NOT_SET), String(other[key] ?? NOT_SET)),
  );
}

function otherAddresses(
  is: ListenerConfig['addresses'],
  wanted: ListenerConfig['addresses'],
): string[] {
  if (isDeepStrictEqual(is, wanted)) return [];
  const [before, after] = [is, wanted].map((all) => all.map(formatAddress).join(' '));
  // Of a socket the mode and the owners are no part of the text.
  return before === after ? ['access is another'] : [`address ${before} → ${after}`];
}

/** @param only the one that is meant; default: all of the place */
function settings(one: object, other: object, place: Place, only?: SettingKey): string[] {
  const keys = only === undefined ? keysOf([place]) : [only];
  return keys.flatMap((key) => {
    const [is, wanted] = [one, other].map((config) => valueIn(config, key));
    if (isDeepStrictEqual(is, wanted)) return [];
    const [before, after] = [is, wanted].map((value) =>
      value === undefined ? NOT_SET : settingOf(key).kind.format(value),
    );
    // What people are shown of a value need not be all of it: a health check may hold a password.
    return before === after ? [`${key} is another`] : [`${key} ${before} → ${after}`];
  });
}

const difference = (key: string, before: string, after: string) =>
  before === after ? [] : [`${key} ${before} → ${after}`];
