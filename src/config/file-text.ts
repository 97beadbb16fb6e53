/** Options as a file has them. */
import { stringify } from '../vendor/yaml.js';
import { formatDuration } from './duration.js';
import { isObject, keysWithUnit, MOST_LEVELS } from './file.js';
import type { ProxyOptions } from './options.js';

/** YAML that `loadConfigFile()` reads as these options: durations have a unit there. */
export function fileTextOf(options: ProxyOptions): string {
  return stringify(withUnits(options), { lineWidth: 0 });
}

function withUnits(value: unknown, levels = MOST_LEVELS): unknown {
  if (!isObject(value) || levels === 0) return value;
  const entries = Object.entries(value).map(([key, held]) => [
    key,
    (keysWithUnit.has(key) ? withUnit(held) : undefined) ?? withUnits(held, levels - 1),
  ]);
  return Object.fromEntries(entries);
}

/** @returns nothing for what is no duration: names may be the same */
function withUnit(held: unknown): string | number | undefined {
  // Text of it would have quotes.
  if (held === 0 || held === '0') return 0;
  return typeof held === 'number' ? formatDuration(held) : undefined;
}
