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
  const entries = Object.entries(value).map(([key, held]) =>
    typeof held === 'number' && keysWithUnit.has(key)
      ? [key, formatDuration(held)]
      : [key, withUnits(held, levels - 1)],
  );
  return Object.fromEntries(entries);
}
