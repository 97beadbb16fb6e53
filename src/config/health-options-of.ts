/** From a validated health check back to what a user would write for it. */
import { isDeepStrictEqual } from 'node:util';
import { type Address, formatAddress } from '../model/address.js';
import type { HealthConfig, StatusRange } from '../model/health.js';
import type { ZodType } from '../vendor/zod.js';
import { formatDuration } from './duration.js';
import type { HealthOptions } from './health-options.js';
import { healthShapes } from './health-schema.js';

/** Of keys whose validated value has another name or another form. */
const forms: Readonly<Record<string, { readonly unit?: string; show(value: never): unknown }>> = {
  interval: { unit: 'Ms', show: formatDuration },
  timeout: { unit: 'Ms', show: formatDuration },
  fastInterval: { unit: 'Ms', show: formatDuration },
  jitter: { unit: 'Percent', show: (percent: number) => `${percent}%` },
  address: { show: (address: Address) => formatAddress(address) },
  statuses: {
    show: (ranges: readonly StatusRange[]) =>
      ranges.map(({ from, to }) => (from === to ? from : `${from}-${to}`)),
  },
};

/** Without what is the default anyway: the schema makes the same of it again. */
export function healthOptionsOf(config: HealthConfig): HealthOptions {
  const values = config as unknown as Readonly<Record<string, unknown>>;
  const shape: Readonly<Record<string, ZodType>> = healthShapes[config.type];
  const entries = Object.entries(shape).flatMap(([key, schema]) => {
    const form = forms[key];
    const value = values[`${key}${form?.unit ?? ''}`];
    if (value === undefined || value === 'function') return [];
    if (isDeepStrictEqual(value, schema.safeParse(undefined).data)) return [];
    return [[key, form === undefined ? value : form.show(value as never)]];
  });
  return Object.fromEntries(entries) as HealthOptions;
}
