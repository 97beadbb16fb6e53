import type { Address } from './address.js';
import type { AddressesChoice } from './choices.js';

/** A backend as it is configured. */
export interface BackendConfig {
  /** As the user wrote it, normalised: the name that logs, stats and `handoff()` use. */
  readonly name: string;
  readonly address: Address;
  /** 1 to 1000; shares of new sessions. */
  readonly weight: number;
  /** Sessions at once; without it, any number. */
  readonly maxSessions?: number | undefined;
  /** Without it, `first`. */
  readonly addresses?: AddressesChoice | undefined;
  /** 1 to 255; without it, 0, which comes before all others. */
  readonly priority?: number | undefined;
  /** What a program wants to know of it; frozen. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}
