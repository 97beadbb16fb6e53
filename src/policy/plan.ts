/** What a policy compiles to, and what the loops walk. */

/** Where a client enters a cycle. */
export type Entry = 'turn' | 'least' | 'random' | 'first' | 'hash';

/** What of a client `hash` goes by. */
export interface HashKey {
  /** Bits of an IPv4 address, from its front: 0 to 32. */
  readonly ipv4Prefix: number;
  /** The same of an IPv6 address: 0 to 128. */
  readonly ipv6Prefix: number;
  /** Whether its port counts as well. */
  readonly withPort: boolean;
}

export interface PickPlan {
  readonly entry: Entry;
  /** Of `hash`. */
  readonly hashKey?: HashKey;
  /**
   * Cycles of rows, by priority: a client goes round the first, then the second, and so on. One at least. A row is in one
   * tier only; it recurs as often as its weight says.
   */
  readonly tiers: readonly Uint16Array[];
  /** Whether backends that are down are tried where none is up. */
  readonly triesDown: boolean;
}
